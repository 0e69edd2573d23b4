"""GraphQL over HTTP: authentication, request formats and response formats."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, AsyncRequestFactory
from django.urls import reverse

from live_inbox.database_threads import in_database_thread
from live_inbox.identity.errors import AuthenticationFailed, Reason
from live_inbox.identity.issuing import issue_token
from live_inbox.identity.revocation import revoke_tokens
from live_inbox_graphql.view import GraphQLView
from tests.graphql.http_client import bearer, post, send
from tests.graphql.own_schema import schema

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/graphql/"
JSON = "application/json; charset=utf-8"
GRAPHQL = "application/graphql-response+json; charset=utf-8"
VIEWER = {"query": "{ viewer { username } }"}
TYPENAME = {"query": "{ __typename }"}


def body(response: Any) -> Any:
    return json.loads(response.content)


def refusal(message: str, code: str = "BAD_REQUEST") -> dict[str, Any]:
    return {"errors": [{"message": message, "extensions": {"code": code}}]}


@pytest.mark.usefixtures("through")
class TestCallers:
    async def test_a_token(self, alice: User) -> None:
        response = await post(VIEWER, Authorization=bearer(alice))
        assert (response.status_code, response["Content-Type"]) == (200, JSON)
        assert body(response) == {"data": {"viewer": {"username": "alice"}}}

    async def test_an_anonymous_request(self) -> None:
        response = await post(VIEWER)
        assert response.status_code == 200
        assert body(response) == {
            "data": None,
            "errors": [
                {
                    "message": "Authentication is required.",
                    "locations": [{"line": 1, "column": 3}],
                    "path": ["viewer"],
                    "extensions": {"code": "UNAUTHENTICATED", "reason": "missing"},
                }
            ],
        }

    @pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
    async def test_a_token_that_is_not_accepted_is_a_401_before_anything_is_run(
        self, accept: str
    ) -> None:
        response = await post(TYPENAME, Authorization="Bearer nonsense", Accept=accept)
        assert response.status_code == 401
        assert response["Content-Type"] == f"{accept}; charset=utf-8"
        assert response["WWW-Authenticate"] == (
            'Bearer error="invalid_token", error_description="The token is malformed."'
        )
        assert body(response) == {
            "errors": [
                {
                    "message": "The token is malformed.",
                    "extensions": {"code": "UNAUTHENTICATED", "reason": "malformed"},
                }
            ]
        }

    async def test_a_token_that_has_expired(self, alice: User) -> None:
        token = issue_token(alice, ttl_seconds=60, now=1_000_000_000)
        response = await post(VIEWER, Authorization=f"Bearer {token}")
        assert response.status_code == 401
        assert body(response)["errors"][0]["extensions"]["reason"] == "expired"

    async def test_a_token_that_was_revoked(self, alice: User) -> None:
        headers = {"Authorization": bearer(alice)}
        await in_database_thread(revoke_tokens, user_id=alice.pk)
        response = await post(VIEWER, **headers)
        assert response.status_code == 401
        assert body(response)["errors"][0]["extensions"]["reason"] == "revoked"

    async def test_a_user_who_was_deactivated(self, alice: User) -> None:
        headers = {"Authorization": bearer(alice)}
        await User.objects.filter(pk=alice.pk).aupdate(is_active=False)
        assert (await post(VIEWER, **headers)).status_code == 401

    async def test_unavailable_keys_are_a_503(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def fail(token: str) -> None:
            raise AuthenticationFailed(Reason.KEYS_UNAVAILABLE)

        monkeypatch.setattr("live_inbox.identity.authenticators.authenticate", fail)
        response = await post(VIEWER, Authorization="Bearer x.y.z")
        assert (response.status_code, response["Retry-After"]) == (503, "5")
        assert body(response)["errors"][0]["extensions"]["code"] == "SERVICE_UNAVAILABLE"

    async def test_an_outage_of_the_database(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def fail(token: str) -> None:
            raise OperationalError("terminating connection due to administrator command")

        monkeypatch.setattr("live_inbox.identity.authenticators.authenticate", fail)
        response = await post(VIEWER, Authorization="Bearer x.y.z")
        assert (response.status_code, response["Retry-After"]) == (503, "5")
        (error,) = body(response)["errors"]
        assert error["extensions"] == {
            "code": "SERVICE_UNAVAILABLE",
            "reason": "database_unavailable",
        }

    async def test_other_authorization_schemes_are_ignored(self) -> None:
        response = await post(TYPENAME, Authorization="Basic YTpi")
        assert body(response) == {"data": {"__typename": "Query"}}


MARK_ALL = {"query": "mutation { markAllRead { count } }"}


class TestSessions:
    """Browsers send the session cookie with requests that other sites cause, so CSRF tokens are required."""

    @pytest.fixture
    async def browser(self, alice: User) -> AsyncClient:
        """Return a browser with the session of alice."""
        browser = AsyncClient(enforce_csrf_checks=True)
        await browser.aforce_login(alice)
        return browser

    async def send(self, browser: AsyncClient, content: object, **headers: str) -> Any:
        return await browser.post(URL, content, content_type="application/json", headers=headers)

    async def test_without_the_csrf_token_it_is_refused(self, browser: AsyncClient) -> None:
        response = await self.send(browser, MARK_ALL)
        assert response.status_code == 403
        (error,) = body(response)["errors"]
        assert error["extensions"] == {"code": "FORBIDDEN"}
        assert error["message"].startswith("CSRF cookie not set.")

    async def test_with_a_wrong_csrf_token_it_is_refused(self, browser: AsyncClient) -> None:
        browser.cookies["csrftoken"] = "a" * 32
        response = await self.send(browser, MARK_ALL, **{"X-CSRFToken": "b" * 32})
        assert response.status_code == 403

    async def test_with_the_csrf_token_it_is_served(self, browser: AsyncClient) -> None:
        browser.cookies["csrftoken"] = "a" * 32
        response = await self.send(browser, MARK_ALL, **{"X-CSRFToken": "a" * 32})
        assert body(response) == {"data": {"markAllRead": {"count": 0}}}

    async def test_a_page_of_another_origin_is_refused(self, browser: AsyncClient) -> None:
        browser.cookies["csrftoken"] = "a" * 32
        headers = {"X-CSRFToken": "a" * 32, "Origin": "https://evil.example"}
        response = await self.send(browser, MARK_ALL, **headers)
        assert response.status_code == 403
        assert "Origin checking failed" in body(response)["errors"][0]["message"]

    @pytest.mark.parametrize(
        ("content_type", "content"),
        [
            ("application/x-www-form-urlencoded", b"a=b&" * 2000),
            ("application/x-www-form-urlencoded; charset=utf-16", b"a=b"),
            ("multipart/form-data; boundary=", b"a=b"),
        ],
    )
    async def test_a_form_that_cannot_be_read_is_refused(
        self, browser: AsyncClient, content_type: str, content: bytes
    ) -> None:
        browser.cookies["csrftoken"] = "a" * 32
        response = await browser.post(URL, content, content_type=content_type)
        assert response.status_code == 403
        assert body(response)["errors"][0]["message"].startswith("The form cannot be read.")

    async def test_a_query_by_get_needs_no_csrf_token(self, browser: AsyncClient) -> None:
        response = await browser.get(URL, VIEWER)
        assert body(response) == {"data": {"viewer": {"username": "alice"}}}

    async def test_a_token_takes_precedence_and_needs_no_csrf_token(
        self, browser: AsyncClient, bob: User
    ) -> None:
        response = await self.send(browser, VIEWER, Authorization=bearer(bob))
        assert body(response) == {"data": {"viewer": {"username": "bob"}}}

    async def test_a_bad_token_does_not_fall_back_on_the_session(
        self, browser: AsyncClient
    ) -> None:
        response = await self.send(browser, VIEWER, Authorization="Bearer nonsense")
        assert response.status_code == 401

    async def test_without_a_session_no_csrf_token_is_needed(self) -> None:
        browser = AsyncClient(enforce_csrf_checks=True)
        response = await self.send(browser, TYPENAME)
        assert body(response) == {"data": {"__typename": "Query"}}


class TestTheUserOfTheRequest:
    """A project's own fields ask the request, and find whom the authenticator has found."""

    @pytest.fixture(autouse=True)
    def project_schema(self, configure: Callable[..., None]) -> None:
        configure(GRAPHQL_SCHEMA="tests.graphql.project_schema.schema")

    @pytest.fixture
    async def browser(self, alice: User) -> AsyncClient:
        """Return a browser with the session of alice."""
        browser = AsyncClient()
        await browser.aforce_login(alice)
        return browser

    async def names(self, browser: AsyncClient, **headers: str) -> Any:
        response = await browser.get(URL, {"query": "{ usernames }"}, headers=headers)
        return body(response)["data"]["usernames"]

    async def test_of_a_session(self, browser: AsyncClient) -> None:
        assert await self.names(browser) == ["alice", "alice"]

    async def test_of_a_token_beside_a_session(self, browser: AsyncClient, bob: User) -> None:
        assert await self.names(browser, Authorization=bearer(bob)) == ["bob", "bob"]

    async def test_nobody_if_the_authenticator_finds_nobody(
        self, browser: AsyncClient, configure: Callable[..., None]
    ) -> None:
        configure(AUTHENTICATOR="tests.identity.project_authenticators.TakesNobody")
        assert await self.names(browser) == ["", ""]


BIG = {"query": "{ __typename }", "variables": {"x": "x" * 3_000_000}}


@pytest.mark.usefixtures("through")
class TestRequests:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (" ", "The body is not JSON."),
            ("{", "The body is not JSON."),
            (b"\xff", "The body is not JSON."),
            ("[" * 100_000, "The body is not JSON."),
            ("5", "The body must be a JSON object."),
            ("null", "The body must be a JSON object."),
            ('"x"', "The body must be a JSON object."),
            ("[]", "Batches are not supported: send one request for each operation."),
            ("[{}]", "Batches are not supported: send one request for each operation."),
            ("{}", "`query` is missing."),
            ('{"query": null}', "`query` is missing."),
            ('{"query": ""}', "`query` is missing."),
            ('{"query": 5}', "`query` must be a string or null."),
            ('{"query": "{a}", "operationName": {}}', "`operationName` must be a string or null."),
            ('{"query": "{a}", "variables": "x"}', "`variables` must be an object or null."),
            ('{"query": "{a}", "variables": []}', "`variables` must be an object or null."),
            ('{"query": "{a}", "extensions": 0}', "`extensions` must be an object or null."),
        ],
    )
    async def test_an_invalid_request_is_a_400(
        self, alice: User, content: str | bytes, message: str
    ) -> None:
        response = await send(content, Authorization=bearer(alice))
        assert (response.status_code, response["Content-Type"]) == (400, JSON)
        assert body(response) == refusal(message)

    @pytest.mark.parametrize(
        "content_type",
        [
            "text/plain",
            "text/plain; application/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/jsonx",
            "application/json; charset=latin-1",
            "",
            ";",
            "\x00",
        ],
    )
    async def test_content_types_without_a_cors_preflight_are_a_415(
        self, alice: User, content_type: str
    ) -> None:
        response = await send(json.dumps(TYPENAME), content_type, Authorization=bearer(alice))
        assert response.status_code == 415
        assert body(response) == refusal("The body must be application/json, in UTF-8.")

    @pytest.mark.parametrize(
        "content_type",
        ["application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'],
    )
    async def test_accepted_content_types(self, alice: User, content_type: str) -> None:
        response = await send(json.dumps(TYPENAME), content_type, Authorization=bearer(alice))
        assert response.status_code == 200

    async def test_a_body_that_is_too_large_is_a_413(self, alice: User) -> None:
        response = await post(BIG, Authorization=bearer(alice))
        assert response.status_code == 413
        assert body(response) == refusal("The body is too large.")

    @pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
    async def test_other_methods_are_a_405(self, method: str) -> None:
        response = await AsyncClient().generic(method, URL)
        assert (response.status_code, response["Allow"]) == (405, "GET, POST")

    async def test_operation_name_and_variables(self, alice: User) -> None:
        query = (
            "query A { viewer { id } } query B($n: Int) { notifications(first: $n) { position } }"
        )
        content = {"query": query, "operationName": "B", "variables": {"n": 5}}
        response = await post(content, Authorization=bearer(alice))
        assert body(response) == {"data": {"notifications": {"position": "0"}}}

    async def test_an_unknown_operation_name(self, alice: User) -> None:
        content = {"query": "query A { __typename }", "operationName": "B"}
        response = await post(content, Authorization=bearer(alice))
        assert response.status_code == 400
        assert body(response) == refusal(
            "The document has no operation, or none with this name.", "OPERATION_RESOLUTION_FAILURE"
        )

    async def test_a_subscription_is_a_400(self, alice: User) -> None:
        content = {"query": "subscription { notificationEvents { position } }"}
        response = await post(content, Authorization=bearer(alice))
        assert response.status_code == 400
        message = "Subscriptions are served on a WebSocket at this address, or with Accept: text/event-stream."
        assert body(response) == refusal(message)


class TestGet:
    async def test_a_query(self, alice: User) -> None:
        parameters = {
            "query": "query Q($n: Int) { notifications(first: $n) { totalCount } }",
            "variables": '{"n": 5}',
            "operationName": "Q",
            "extensions": "",
        }
        response = await AsyncClient().get(
            URL, parameters, headers={"Authorization": bearer(alice)}
        )
        assert body(response) == {"data": {"notifications": {"totalCount": 0}}}

    async def test_a_mutation_is_refused(self, alice: User) -> None:
        response = await AsyncClient().get(URL, MARK_ALL, headers={"Authorization": bearer(alice)})
        assert (response.status_code, response["Allow"]) == (405, "POST")
        assert body(response) == refusal("Send mutations by POST.")

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({}, "`query` is missing."),
            ({"query": "{a}", "variables": "{"}, "`variables` is not JSON."),
            ({"query": "{a}", "variables": "5"}, "`variables` must be an object or null."),
            ({"query": "{a}", "extensions": "NaN"}, "`extensions` is not JSON."),
        ],
    )
    async def test_an_invalid_request_is_a_400(
        self, parameters: dict[str, str], message: str
    ) -> None:
        response = await AsyncClient().get(URL, parameters)
        assert response.status_code == 400
        assert body(response) == refusal(message)

    async def test_responses_are_not_cached(self) -> None:
        response = await AsyncClient().get(URL, TYPENAME)
        assert response["Cache-Control"] == "no-store"
        assert response["Vary"] == "Accept, Authorization, Cookie, Origin"


class TestPage:
    BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

    async def answer(self, method: str, path: str, accept: str) -> HttpResponse:
        async def page(request: HttpRequest) -> HttpResponse:
            return HttpResponse("<h1>Explore</h1>")

        view = GraphQLView.as_view(schema=schema, page=page)
        request = AsyncRequestFactory().generic(method, path, headers={"Accept": accept})
        request.user = AnonymousUser()
        response = await view(request)
        assert isinstance(response, HttpResponse)
        return response

    async def test_a_browser_gets_the_page(self) -> None:
        response = await self.answer("GET", URL, self.BROWSER)
        assert response.content == b"<h1>Explore</h1>"

    @pytest.mark.parametrize(
        ("method", "path", "accept"),
        [
            ("GET", URL, "*/*"),
            ("GET", URL, "application/json"),
            ("GET", f"{URL}?query=", BROWSER),
            ("POST", URL, BROWSER),
        ],
    )
    async def test_other_requests_do_not_get_the_page(
        self, method: str, path: str, accept: str
    ) -> None:
        request_was_refused = (await self.answer(method, path, accept)).status_code
        assert request_was_refused in (400, 415)

    async def test_without_a_page_a_browser_gets_an_error(self) -> None:
        response = await AsyncClient().get(URL, headers={"Accept": self.BROWSER})
        assert response.status_code == 400
        assert body(response) == refusal("`query` is missing.")


@pytest.mark.usefixtures("through")
class TestContentTypes:
    @pytest.mark.parametrize(
        ("accept", "expected"),
        [
            (None, JSON),
            ("*/*", JSON),
            ("application/*", JSON),
            ("application/json", JSON),
            ("application/graphql-response+json", GRAPHQL),
            ("application/graphql-response+json, application/json;q=0.9", GRAPHQL),
            ("application/graphql-response+json;q=0.5, application/json", JSON),
            ("application/graphql-response+json; charset=UTF-8, application/json", GRAPHQL),
            ("application/json; charset=utf-8", JSON),
            ("application/json; q=nonsense, ,;", JSON),
            ("text/html, application/json;q=0.1", JSON),
        ],
    )
    async def test_the_client_chooses(self, alice: User, accept: str | None, expected: str) -> None:
        headers = {} if accept is None else {"Accept": accept}
        response = await post(TYPENAME, Authorization=bearer(alice), **headers)
        assert (response.status_code, response["Content-Type"]) == (200, expected)

    @pytest.mark.parametrize("method", ["get", "post"])
    async def test_a_header_with_too_many_types_is_not_read(self, method: str) -> None:
        headers = {"Accept": "application/json," * 100}
        response = await getattr(AsyncClient(), method)("/graphql/", headers=headers)
        assert (response.status_code, response["Content-Type"]) == (431, JSON)
        assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"

    async def test_a_client_that_accepts_neither_type_gets_a_406(self, alice: User) -> None:
        headers = {"Authorization": bearer(alice), "Accept": "text/html, image/png"}
        response = await post(TYPENAME, **headers)
        assert (response.status_code, response["Content-Type"]) == (406, JSON)
        assert body(response) == refusal(
            "Responses are application/graphql-response+json or application/json."
        )

    @pytest.mark.parametrize(
        ("content", "code"),
        [
            ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
            ({"query": "{ nothing }"}, "GRAPHQL_VALIDATION_FAILED"),
            ({"query": "query($id: ID!) { notification(id: $id) { id } }"}, "BAD_USER_INPUT"),
        ],
    )
    async def test_a_request_that_was_not_executed_has_no_data(
        self, alice: User, content: dict[str, str], code: str
    ) -> None:
        headers = {"Authorization": bearer(alice)}
        old = await post(content, Accept="application/json", **headers)
        new = await post(content, Accept="application/graphql-response+json", **headers)
        assert (old.status_code, new.status_code) == (200, 400)
        assert body(old) == body(new)
        assert set(body(new)) == {"errors"}
        assert body(new)["errors"][0]["extensions"]["code"] == code

    async def test_a_request_that_was_executed_has_data_even_if_it_failed(self) -> None:
        response = await post(VIEWER, Accept="application/graphql-response+json")
        assert response.status_code == 200
        assert body(response)["data"] is None


class TestFaults:
    async def test_in_a_resolver(
        self,
        through: str,
        alice: User,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        def fail(**arguments: object) -> None:
            raise KeyError("secret")

        monkeypatch.setattr("live_inbox.selectors.page", fail)
        content = {"query": "{ viewer { id } notifications { position } }"}
        response = await post(content, Authorization=bearer(alice))
        assert response.status_code == 200
        (error,) = body(response)["errors"]
        error_id = error["extensions"]["errorId"]
        assert body(response) == {
            "data": None,
            "errors": [
                {
                    "message": "Internal server error",
                    "locations": [{"line": 1, "column": 17}],
                    "path": ["notifications"],
                    "extensions": {"code": "INTERNAL_SERVER_ERROR", "errorId": error_id},
                }
            ],
        }
        (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
        assert error_id in record.getMessage()
        assert "KeyError: 'secret'" in caplog.text

    async def test_before_the_execution(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def fail(request: HttpRequest) -> None:
            raise KeyError("secret")

        monkeypatch.setattr("live_inbox_graphql.view.caller_of_request", fail)
        response = await post(TYPENAME)
        assert response.status_code == 500
        (error,) = body(response)["errors"]
        assert error["message"] == "Internal server error"
        assert error["extensions"]["errorId"] in caplog.text


def test_the_url_name() -> None:
    assert reverse("live_inbox:graphql") == "/graphql/"
