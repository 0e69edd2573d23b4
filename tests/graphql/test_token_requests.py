"""Requests with a token past Django's middleware: which ones, and what is true of them all the same."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from django.contrib.auth.models import Permission, User
from django.db import OperationalError
from django.db.backends.utils import CursorWrapper
from django.test import AsyncClient

from live_inbox import services
from live_inbox.database_threads import in_database_thread
from live_inbox.identity.callers import (
    Caller,
    authenticate,
    call_with_known,
    known_token,
    recent_checks,
)
from live_inbox.identity.errors import AuthenticationFailed, Reason
from live_inbox.identity.issuing import issue_token
from live_inbox.identity.revocation import revoke_token, revoke_tokens
from live_inbox.identity.tokens import TokenVerifier
from live_inbox.internals import psycopg_rows
from live_inbox.models import Notification
from live_inbox.request_threads import Use
from live_inbox.services import inbox_rows
from live_inbox.statement_timing import label_of
from live_inbox.thread_connections import ThreadConnections
from live_inbox_graphql.schema import configured_schema
from tests.changed_settings import changed_settings
from tests.domain.replica import Replica, log_of
from tests.domain.table_copies import copy_tables, restore_tables
from tests.graphql.http_client import PlainResponse, Unanswered, bearer, past_middleware

pytestmark = pytest.mark.django_db(transaction=True)

VIEWER = json.dumps({"query": "{ viewer { username } }"})
LIST = json.dumps({"query": "{ notifications { totalCount nodes { title } } }"})
TYPENAME = json.dumps({"query": "{ __typename }"})
PREFERENCES = json.dumps({"query": "{ notificationPreferences { type } }"})
MARK_ALL = json.dumps({"query": "mutation { markAllRead { count } }"})
JSON = {"Content-Type": "application/json", "Host": "testserver"}


async def post(
    token: str, content: str = VIEWER, path: str = "/graphql/", **headers: str
) -> PlainResponse | None:
    sent = JSON | {"Authorization": token} | headers
    return await past_middleware(content, path=path, headers=sent)


async def answered(token: str, content: str = VIEWER, **headers: str) -> PlainResponse:
    response = await post(token, content, **headers)
    assert response is not None
    return response


def reason(response: PlainResponse) -> str:
    (error,) = json.loads(response.content)["errors"]
    return str(error["extensions"].get("reason"))


class TestWhich:
    @pytest.mark.parametrize("path", ["/graphql/", "/graphql"])
    async def test_a_token_is_served(self, alice: User, path: str) -> None:
        response = await post(bearer(alice), path=path)
        assert response is not None
        assert (response.status_code, json.loads(response.content)) == (
            200,
            {"data": {"viewer": {"username": "alice"}}},
        )

    @pytest.mark.parametrize(
        "changes",
        [
            {"Host": "evil.example"},
            {"Host": ""},
            {"Authorization": "Basic YTpi"},
            {"Authorization": ""},
        ],
    )
    async def test_what_is_unusual_is_for_django(
        self, alice: User, changes: dict[str, str]
    ) -> None:
        headers = JSON | {"Authorization": bearer(alice)} | changes
        assert await past_middleware(VIEWER, headers=headers) is None

    async def test_a_field_that_is_there_twice_is_for_django(self, alice: User) -> None:
        headers = JSON | {"Authorization": bearer(alice), "AUTHORIZATION": bearer(alice)}
        assert await past_middleware(VIEWER, headers=headers) is None

    @pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS", "HEAD"])
    async def test_other_methods_are_for_django(self, alice: User, method: str) -> None:
        headers = JSON | {"Authorization": bearer(alice)}
        assert await past_middleware("", method=method, headers=headers) is None

    @pytest.mark.parametrize("path", ["/", "/admin/login/", "/graphql/x", "/ws/notifications/"])
    async def test_other_addresses_are_for_django(self, alice: User, path: str) -> None:
        assert await post(bearer(alice), path=path) is None

    @pytest.mark.parametrize(
        ("changes", "is_served"),
        [
            ({"BYPASS_MIDDLEWARE": False}, False),
            ({"BYPASS_MIDDLEWARE": True}, True),
            ({"GRAPHQL_SCHEMA": "tests.graphql.project_schema.schema"}, False),
            ({"AUTHENTICATOR": "tests.authentication.HeaderAuthenticator"}, False),
        ],
    )
    async def test_settings_decide(
        self, alice: User, changes: dict[str, Any], is_served: bool
    ) -> None:
        with changed_settings(**changes):
            assert (await post(bearer(alice)) is not None) is is_served

    async def test_middleware_of_the_project_sees_all_requests(
        self, alice: User, settings: Any
    ) -> None:
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, "project.middleware.Audit"]
        assert await post(bearer(alice)) is None
        with changed_settings(BYPASS_MIDDLEWARE=True):
            assert await post(bearer(alice)) is not None

    async def test_https_is_required_where_the_settings_say_so(
        self, alice: User, settings: Any
    ) -> None:
        settings.SECURE_SSL_REDIRECT = True
        headers = JSON | {"Authorization": bearer(alice)}
        assert await past_middleware(VIEWER, headers=headers) is None
        assert await past_middleware(VIEWER, scheme="https", headers=headers) is not None
        settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
        assert await past_middleware(VIEWER, scheme="https", headers=headers) is not None
        forwarded = headers | {"X-Forwarded-Proto": "https"}
        assert await past_middleware(VIEWER, headers=forwarded) is not None
        forwarded = headers | {"X-Forwarded-Proto": "http"}
        assert await past_middleware(VIEWER, scheme="https", headers=forwarded) is None

    async def test_browsers_that_are_not_allowed_are_for_django(
        self, alice: User, settings: Any
    ) -> None:
        settings.DISALLOWED_USER_AGENTS = ["curl"]
        assert await post(bearer(alice)) is None

    async def test_hosts_that_are_redirected_are_for_django(
        self, alice: User, settings: Any
    ) -> None:
        settings.PREPEND_WWW = True
        assert await post(bearer(alice)) is None


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_the_answer_has_the_headers_of_django(
    alice: User, settings: Any, scheme: str
) -> None:
    settings.SECURE_HSTS_SECONDS = 60
    headers = {"Authorization": bearer(alice), "Origin": "https://app.example.com"}
    with changed_settings(ALLOWED_ORIGINS=["https://app.example.com"]):
        ours = await past_middleware(VIEWER, scheme=scheme, headers=JSON | headers)
        theirs: Any = await AsyncClient().post(
            "/graphql/",
            VIEWER,
            content_type="application/json",
            headers=headers,
            secure=scheme == "https",
        )
    assert ours is not None
    expected = {name.lower(): value for name, value in theirs.headers.items()}
    assert ours.headers == expected
    assert ours.content == theirs.content
    assert ours["Access-Control-Allow-Origin"] == "https://app.example.com"
    assert ("Strict-Transport-Security" in ours) is (scheme == "https")
    assert ours["X-Content-Type-Options"] == "nosniff"


async def test_a_page_of_another_origin_may_not_read_the_answer(alice: User) -> None:
    response = await answered(bearer(alice), Origin="https://evil.example")
    assert response.status_code == 200
    assert "Access-Control-Allow-Origin" not in response


class Monotonic:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def monotonic(monkeypatch: pytest.MonkeyPatch) -> Monotonic:
    """The clock of how long ago accounts were read."""
    stopped = Monotonic()
    monkeypatch.setattr(recent_checks(), "_monotonic", stopped)
    return stopped


class TestRecentChecks:
    """What changes behind Django's back: `update` sends no signal."""

    @pytest.mark.parametrize("content", [LIST, TYPENAME])
    async def test_is_noticed_after_a_second(
        self, alice: User, monotonic: Monotonic, content: str
    ) -> None:
        token = bearer(alice)
        for _ in range(2):
            assert (await answered(token, content)).status_code == 200
        await User.objects.filter(pk=alice.pk).aupdate(is_active=False)
        monotonic.now += 0.99
        assert (await answered(token, content)).status_code == 200
        monotonic.now += 0.02
        response = await answered(token, content)
        assert (response.status_code, reason(response)) == (401, "inactive")

    async def test_a_request_does_not_put_off_the_next_reading(
        self, alice: User, monotonic: Monotonic
    ) -> None:
        token = bearer(alice)
        for _ in range(3):
            assert (await answered(token, LIST)).status_code == 200
            monotonic.now += 0.3
        await User.objects.filter(pk=alice.pk).aupdate(is_active=False)
        assert (await answered(token, LIST)).status_code == 200
        monotonic.now += 0.3
        assert (await answered(token, LIST)).status_code == 401

    @pytest.mark.usefixtures("monotonic")
    @pytest.mark.parametrize("content", [VIEWER, MARK_ALL, PREFERENCES])
    async def test_is_noticed_at_once_by_what_needs_the_account(
        self, alice: User, content: str
    ) -> None:
        token = bearer(alice)
        assert (await answered(token, LIST)).status_code == 200
        await User.objects.filter(pk=alice.pk).aupdate(is_active=False)
        response = await answered(token, content)
        assert (response.status_code, reason(response)) == (401, "inactive")
        assert (await answered(token, LIST)).status_code == 401

    @pytest.mark.usefixtures("monotonic")
    async def test_who_the_caller_is_now_is_read_each_time(self, alice: User) -> None:
        token = bearer(alice)
        assert (await answered(token, VIEWER)).status_code == 200
        await User.objects.filter(pk=alice.pk).aupdate(username="alice2")
        response = await answered(token, VIEWER)
        assert json.loads(response.content) == {"data": {"viewer": {"username": "alice2"}}}

    async def test_is_noticed_at_once_with_the_setting_0(
        self, alice: User, monotonic: Monotonic
    ) -> None:
        with changed_settings(ACCOUNT_CHECK_SECONDS=0):
            token = bearer(alice)
            for content in (LIST, TYPENAME):
                assert (await answered(token, content)).status_code == 200
            await User.objects.filter(pk=alice.pk).aupdate(is_active=False)
            for content in (LIST, TYPENAME):
                response = await answered(token, content)
                assert (response.status_code, reason(response)) == (401, "inactive")


def mark(field: str, id: object) -> str:
    query = f"mutation($id: ID!) {{ {field}(id: $id) {{ notification {{ id read }} unreadCount changed: position }} }}"
    return json.dumps({"query": query, "variables": {"id": str(id)}})


class TestMarks:
    """The account of a token that is known is read by the statement that reads the notification, on PostgreSQL."""

    @pytest.fixture
    async def ids(self, alice: User, bob: User) -> list[Any]:
        """Of an unread one, a read one, somebody else's, none, and no ids."""
        sent = [
            await in_database_thread(services.send, recipient_id=user.pk, title="A")
            for user in (alice, alice, bob)
        ]
        found = [each.notification.pk for each in sent if each.notification is not None]
        await in_database_thread(services.mark_read, user_id=alice.pk, notification_id=found[1])
        return [*found, found[-1] + 1000, 0, "x", 2**63]

    @pytest.mark.parametrize("field", ["markRead", "markUnread"])
    async def test_the_answers_are_those_of_graphql_core(
        self, alice: User, ids: list[Any], field: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(inbox_rows, "new_fingerprint", lambda: 7)
        tables = await in_database_thread(copy_tables)
        answers = []
        for is_fast in (True, False):
            with changed_settings(FAST_PATH=is_fast):
                token = bearer(alice)
                await answered(token)
                contents = [(await answered(token, mark(field, id))).content for id in ids]
            answers.append([json.loads(content) for content in contents])
            await in_database_thread(restore_tables, tables)
        assert answers[0] == answers[1]
        errors = [each.get("errors", [{}])[0] for each in answers[0]]
        codes = [each.get("extensions", {}).get("code") for each in errors]
        assert codes == [None, None, *["NOT_FOUND"] * 5]

    @pytest.mark.parametrize("field", ["markRead", "markUnread"])
    async def test_the_log_says_what_was_done(
        self, alice: User, ids: list[Any], field: str
    ) -> None:
        token = bearer(alice)
        await answered(token)
        replica = await in_database_thread(Replica.read, alice.pk)
        for id in ids[:2]:
            await answered(token, mark(field, id))
        events = await in_database_thread(log_of, alice.pk, after=replica.position.sequence)
        assert len(events) == 1
        replica.apply_all(events)
        assert replica == await in_database_thread(Replica.read, alice.pk)

    @pytest.mark.stack("production")
    async def test_a_mark_takes_two_statements(
        self, alice: User, ids: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        executed: list[str] = []
        # In binary form, and by Django's cursor.
        for place, name in ((psycopg_rows, "fetch"), (CursorWrapper, "execute")):
            original = getattr(place, name)

            def noted(
                of: Any, text: str, *args: Any, original: Any = original, **kwargs: Any
            ) -> Any:
                executed.append(text)
                return original(of, text, *args, **kwargs)

            noted.__module__ = original.__module__
            monkeypatch.setattr(place, name, noted)
        token = bearer(alice)
        await answered(token)
        executed.clear()
        await answered(token, mark("markRead", ids[0]))
        assert [label_of(each) for each in executed] == ["accounts", "mark"]
        executed.clear()
        await answered(token, mark("markRead", ids[0]))
        assert [label_of(each) for each in executed] == ["accounts"]

    async def test_who_is_deactivated_marks_nothing(self, alice: User, ids: list[Any]) -> None:
        token = bearer(alice)
        await answered(token)
        await User.objects.filter(pk=alice.pk).aupdate(is_active=False)
        response = await answered(token, mark("markRead", ids[0]))
        assert (response.status_code, reason(response)) == (401, "inactive")
        assert (await Notification.objects.aget(pk=ids[0])).read_at is None


@pytest.mark.usefixtures("monotonic")
class TestKnownTokens:
    @pytest.mark.parametrize("content", [LIST, VIEWER, MARK_ALL, TYPENAME])
    async def test_who_is_deactivated_is_refused_at_once(self, alice: User, content: str) -> None:
        token = bearer(alice)
        for _ in range(2):
            assert (await answered(token, content)).status_code == 200
        alice.is_active = False
        await alice.asave()
        response = await answered(token, content)
        assert (response.status_code, reason(response)) == (401, "inactive")

    @pytest.mark.parametrize("content", [LIST, VIEWER, MARK_ALL, TYPENAME])
    async def test_what_is_revoked_ends_at_once(self, alice: User, content: str) -> None:
        token = bearer(alice)
        assert (await answered(token, content)).status_code == 200
        await in_database_thread(revoke_tokens, user_id=alice.pk)
        response = await answered(token, content)
        assert (response.status_code, reason(response)) == (401, "revoked")

    async def test_a_token_that_is_revoked_by_its_id_ends_at_once(self, alice: User) -> None:
        token = issue_token(alice, ttl_seconds=600)
        assert (await answered(f"Bearer {token}", LIST)).status_code == 200
        claims = jwt.decode(token, options={"verify_signature": False})
        await in_database_thread(revoke_token, user_id=alice.pk, token_id=claims["jti"])
        response = await answered(f"Bearer {token}", LIST)
        assert (response.status_code, reason(response)) == (401, "revoked")

    async def test_a_deleted_user_is_unknown_at_once(self, alice: User) -> None:
        token = bearer(alice)
        assert (await answered(token, LIST)).status_code == 200
        await alice.adelete()
        response = await answered(token, LIST)
        assert (response.status_code, reason(response)) == (401, "unknown_user")

    async def test_a_name_that_another_user_has_by_now_is_not_theirs(
        self, alice: User, bob: User
    ) -> None:
        """With names in tokens, a known token must not read the inbox that its name had before, nor that of now."""
        with changed_settings(JWT_USER_FIELD="username"):
            token = f"Bearer {issue_token(alice, ttl_seconds=600)}"
            assert (await answered(token, LIST)).status_code == 200
            alice.username, bob.username = "alice2", "alice"
            await alice.asave()
            await bob.asave()
            assert (await answered(token, LIST)).status_code == 401
            response = await answered(token)
            assert json.loads(response.content) == {"data": {"viewer": {"username": "alice"}}}

    async def test_other_settings_verify_it_again(self, alice: User) -> None:
        token = bearer(alice)
        assert (await answered(token)).status_code == 200
        with changed_settings(JWT_SECRET="another-secret-0123456789-0123456789"):
            assert (await answered(token)).status_code == 401

    async def test_a_token_that_is_refused_is_not_known(self, alice: User) -> None:
        await User.objects.filter(pk=alice.pk).aupdate(is_active=False)
        token = issue_token(alice, ttl_seconds=600)
        assert (await answered(f"Bearer {token}")).status_code == 401
        assert known_token(token) is None

    async def test_scopes_count(self, alice: User) -> None:
        token = bearer(alice, "notifications:send")
        for _ in range(2):
            (error,) = json.loads((await answered(token, LIST)).content)["errors"]
            assert error["extensions"]["code"] == "FORBIDDEN"

    async def test_permissions_count_as_they_are_now(self, alice: User, bob: User) -> None:
        token = bearer(alice)
        permission = await Permission.objects.aget(codename="send_notification")
        content = f'{{recipientId: "{bob.pk}", title: "x"}}'
        send = json.dumps({"query": f"mutation {{ send(input: {content}) {{ suppressed }} }}"})
        await alice.user_permissions.aadd(permission)
        for _ in range(2):
            assert json.loads((await answered(token, send)).content) == {
                "data": {"send": {"suppressed": False}}
            }
        await alice.user_permissions.aremove(permission)
        (error,) = json.loads((await answered(token, send)).content)["errors"]
        assert error["extensions"]["code"] == "FORBIDDEN"
        assert await Notification.objects.acount() == 2

    async def test_what_fails_is_raised_where_connections_are_closed_for_it(
        self, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One to a server that has become read-only, for example, would stay so."""
        token = issue_token(alice, ttl_seconds=600)
        assert (await answered(f"Bearer {token}")).status_code == 200
        known = known_token(token)
        assert known is not None
        seen: list[BaseException | None] = []
        clean_up = ThreadConnections.clean_up

        def remember(self: ThreadConnections, error: BaseException | None) -> None:
            seen.append(error)
            clean_up(self, error)

        monkeypatch.setattr(ThreadConnections, "clean_up", remember)
        failure = OperationalError("read-only")

        def fail(caller: Caller) -> None:
            raise failure

        caller, result = await call_with_known(token, known, Use(known.user_id), fail)
        assert caller.user == alice
        assert result is failure
        assert seen == [failure]

    async def test_a_field_that_the_scopes_forbid_takes_no_more_than_another(
        self, alice: User
    ) -> None:
        token = bearer(alice, "notifications:send")
        # The document is new, which takes 10.
        with changed_settings(OPERATION_RATE="1/hour burst 15"):
            statuses = [(await answered(token, VIEWER)).status_code for _ in range(7)]
        assert statuses == [200] * 6 + [429]

    async def test_the_allowance_counts(self, alice: User) -> None:
        with changed_settings(OPERATION_RATE="1/hour burst 4"):
            token = bearer(alice)
            statuses = [(await answered(token)).status_code for _ in range(6)]
        assert statuses[0] == 200
        assert statuses[-1] == 429

    async def test_a_new_document_is_paid_before_it_is_parsed(self, alice: User) -> None:
        new = "{ viewer { paid: id } }"
        with changed_settings(OPERATION_RATE="1/hour burst 4"):
            token = bearer(alice)
            while (await answered(token)).status_code == 200:
                pass
            response = await answered(token, json.dumps({"query": new}))
            assert response.status_code == 429
            assert not configured_schema().has_checked(new)

    async def test_sockets_do_not_verify_a_known_token_again(
        self, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        text = issue_token(alice, ttl_seconds=60)
        assert (await answered(f"Bearer {text}")).status_code == 200

        def verify(*_: Any, **__: Any) -> None:
            raise AssertionError

        monkeypatch.setattr(TokenVerifier, "verify", verify)
        assert (await authenticate(text)).user_id == str(alice.pk)
        # The account is another matter.
        await User.objects.filter(pk=alice.pk).aupdate(is_active=False)
        with pytest.raises(AuthenticationFailed) as caught:
            await authenticate(text)
        assert caught.value.reason is Reason.INACTIVE

    async def test_what_exceeds_the_allowance_is_refused_before_the_account_is_read(
        self, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        token = bearer(alice)
        with changed_settings(OPERATION_RATE="1/day burst 10"):
            assert (await answered(token)).status_code == 200

            def read(*_: Any) -> None:
                raise AssertionError

            monkeypatch.setattr("live_inbox_graphql.token_requests.caller_with_known", read)
            for number in range(2):
                new = json.dumps({"query": f"{{ new{number}: viewer {{ id }} }}"})
                assert (await answered(token, new)).status_code == 429

    async def test_an_operation_is_taken_of_the_allowance_once(self, alice: User) -> None:
        token = bearer(alice)
        with changed_settings(OPERATION_RATE="1/day burst 14"):
            for status in (200, 200, 200, 200, 200, 429):
                assert (await answered(token, PREFERENCES)).status_code == status


class TestBodies:
    async def test_in_parts(self, alice: User) -> None:
        headers = JSON | {"Authorization": bearer(alice)}
        for chunks in (2, 7, len(VIEWER)):
            response = await past_middleware(VIEWER, headers=headers, chunks=chunks)
            assert response is not None
            assert response.status_code == 200

    async def test_without_a_length_it_is_limited_all_the_same(self, alice: User) -> None:
        headers = JSON | {"Authorization": bearer(alice), "Content-Length": ""}
        big = json.dumps({"query": "{ __typename }", "variables": {"a": "x" * 2_000_000}})
        response = await past_middleware(big, headers=headers, chunks=100)
        assert response is not None
        assert response.status_code == 413

    async def test_a_length_beyond_the_limit_is_refused_unread(self, alice: User) -> None:
        headers = JSON | {"Authorization": bearer(alice), "Content-Length": "9" * 18}
        response = await past_middleware(VIEWER, headers=headers)
        assert response is not None
        assert response.status_code == 413

    async def test_who_has_gone_gets_nothing(self, alice: User) -> None:
        headers = JSON | {"Authorization": bearer(alice)}
        with pytest.raises(Unanswered):
            await past_middleware(VIEWER, headers=headers, is_cut=True)
