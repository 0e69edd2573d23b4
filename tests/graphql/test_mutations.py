"""The mutations, with the exact JSON that clients get; and that a refused one changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User

from live_inbox import selectors, services
from live_inbox.database_threads import in_database_thread
from live_inbox.models import Inbox, InboxEvent, Notification, NotificationPreference
from tests.graphql.http_client import Ask

SEND = """mutation($input: SendInput!) {
  send(input: $input) {
    suppressed replayed
    notification { id type title message link data read readAt sender { id } }
  }
}"""


async def count_rows() -> tuple[int, ...]:
    """Return how many rows there are of everything that a mutation can change."""
    tables: list[Any] = [Notification, Inbox, InboxEvent, NotificationPreference]
    return await in_database_thread(lambda: tuple(table.objects.count() for table in tables))


async def position_of(user: User) -> str:
    """Return where the inbox of a user stands."""
    state = await in_database_thread(selectors.inbox_state, user_id=user.pk)
    return str(state.position)


@pytest.fixture
def inbox(alice: User) -> list[Notification]:
    """Three unread notifications of alice, oldest first."""
    rows = [services.send(recipient_id=alice.pk, title=name).notification for name in "abc"]
    return [row for row in rows if row is not None]


class TestSend:
    async def test_to_oneself(self, ask: Ask, alice: User) -> None:
        input = {
            "recipientId": f"user:{alice.pk}",
            "title": "Hello",
            "message": "You.",
            "type": "billing.invoice",
            "data": {"amount": 12.5, "lines": [{"n": 1}]},
            "link": "https://example.com/x?y=1",
        }
        sent = await ask.data(SEND, alice, {"input": input})
        assert sent == {
            "suppressed": False,
            "replayed": False,
            "notification": {
                "id": sent["notification"]["id"],
                "type": "billing.invoice",
                "title": "Hello",
                "message": "You.",
                "link": "https://example.com/x?y=1",
                "data": {"amount": 12.5, "lines": [{"n": 1}]},
                "read": False,
                "readAt": None,
                "sender": {"id": f"user:{alice.pk}"},
            },
        }
        stored = await Notification.objects.aget()
        assert (str(stored.pk), stored.recipient_id) == (sent["notification"]["id"], alice.pk)

    async def test_what_is_left_out_has_its_default(self, ask: Ask, alice: User) -> None:
        input = {"recipientId": str(alice.pk), "title": "Hello"}
        sent = await ask.data(SEND, alice, {"input": input})
        assert sent["notification"] | {"id": "1"} == {
            "id": "1",
            "type": "general",
            "title": "Hello",
            "message": "",
            "link": None,
            "data": {},
            "read": False,
            "readAt": None,
            "sender": {"id": f"user:{alice.pk}"},
        }

    async def test_with_an_end(self, ask: Ask, alice: User) -> None:
        query = SEND.replace("readAt", "readAt expiresAt")
        input = {
            "recipientId": str(alice.pk),
            "title": "x",
            "expiresAt": "2124-01-01T02:00:00+02:00",
        }
        sent = await ask.data(query, alice, {"input": input})
        assert sent["notification"]["expiresAt"] == "2124-01-01T00:00:00Z"
        without = await ask.data(query, alice, {"input": input | {"expiresAt": None}})
        assert without["notification"]["expiresAt"] is None

    @pytest.mark.parametrize(
        ("moment", "message"),
        [
            ("2001-01-01T00:00:00Z", "expiresAt must be later than now."),
            ("9999-12-31T23:59:59-01:00", "expiresAt is out of range."),
        ],
    )
    async def test_an_end_is_yet_to_come(
        self, ask: Ask, alice: User, moment: str, message: str
    ) -> None:
        input = {"recipientId": str(alice.pk), "title": "x", "expiresAt": moment}
        assert await ask.error(SEND, alice, {"input": input}) == {
            "message": message,
            "path": ["send"],
            "extensions": {"code": "BAD_USER_INPUT", "field": "input.expiresAt"},
        }
        assert await count_rows() == (0, 0, 0, 0)

    async def test_nulls_are_as_if_left_out(self, ask: Ask, alice: User) -> None:
        input = {"recipientId": str(alice.pk), "title": "x"}
        input |= dict.fromkeys(["data", "link", "expiresAt", "idempotencyKey"])  # type: ignore[arg-type]
        sent = await ask.data(SEND, alice, {"input": input})
        assert (sent["notification"]["data"], sent["notification"]["link"]) == ({}, None)

    async def test_data_may_stand_in_the_document(self, ask: Ask, alice: User) -> None:
        query = """mutation { send(input: {recipientId: "%s", title: "x",
            data: {a: [1, -2.5, true, null, "é"], b: {c: ENUM}}}) { notification { data } } }"""
        sent = await ask.data(query % alice.pk, alice)
        assert sent["notification"]["data"] == {
            "a": [1, -2.5, True, None, "é"],
            "b": {"c": "ENUM"},
        }

    async def test_data_in_the_document_may_hold_variables(self, ask: Ask, alice: User) -> None:
        query = """mutation($n: Int) { send(input: {recipientId: "%s", title: "x",
            data: {a: [$n]}}) { notification { data } } }"""
        sent = await ask.data(query % alice.pk, alice, {"n": 5})
        assert sent["notification"]["data"] == {"a": [5]}

    async def test_the_same_key_returns_the_first_result(self, ask: Ask, alice: User) -> None:
        input = {"recipientId": str(alice.pk), "title": "x", "idempotencyKey": "k"}
        first = await ask.data(SEND, alice, {"input": input})
        again = await ask.data(SEND, alice, {"input": input})
        assert again == first | {"replayed": True}
        assert await ask.error(SEND, alice, {"input": input | {"title": "y"}}) == {
            "message": "This idempotency key was used for another notification.",
            "path": ["send"],
            "extensions": {"code": "CONFLICT"},
        }
        assert await Notification.objects.acount() == 1

    async def test_what_is_not_wanted_is_suppressed(
        self, ask: Ask, alice: User, bob: User, staff: User
    ) -> None:
        await in_database_thread(
            services.set_preference, user_id=alice.pk, type="news", enabled=False
        )
        input = {"recipientId": str(alice.pk), "title": "x", "type": "news"}
        assert await ask.data(SEND, staff, {"input": input}) == {
            "suppressed": True,
            "replayed": False,
            "notification": None,
        }
        assert await Notification.objects.acount() == 0

    @pytest.mark.parametrize("key", ["user:999999", "999999"])
    async def test_to_others_without_the_right_is_forbidden_whether_they_exist_or_not(
        self, ask: Ask, alice: User, bob: User, key: str
    ) -> None:
        before = await count_rows()
        for recipient in (key, f"user:{bob.pk}"):
            input = {"recipientId": recipient, "title": "x"}
            assert await ask.error(SEND, alice, {"input": input}) == {
                "message": "You may not send notifications to this user.",
                "path": ["send"],
                "extensions": {"code": "FORBIDDEN"},
            }
        assert await count_rows() == before

    async def test_staff_may_send_to_others(self, ask: Ask, alice: User, staff: User) -> None:
        sent = await ask.data(
            SEND, staff, {"input": {"recipientId": f"user:{alice.pk}", "title": "x"}}
        )
        assert sent["notification"]["sender"] == {"id": f"user:{staff.pk}"}

    async def test_the_permission_lets_send_to_others(
        self, ask: Ask, alice: User, bob: User
    ) -> None:
        permission = await Permission.objects.aget(codename="send_notification")
        await bob.user_permissions.aadd(permission)
        sent = await ask.data(SEND, bob, {"input": {"recipientId": str(alice.pk), "title": "x"}})
        assert sent["notification"]["sender"] == {"id": f"user:{bob.pk}"}

    async def test_the_scope_of_a_service_lets_send_to_others(
        self, ask: Ask, alice: User, bob: User
    ) -> None:
        input = {"recipientId": str(alice.pk), "title": "x"}
        body = await ask(SEND, bob, {"input": input}, "notifications:send-to-anyone")
        assert body["data"]["send"]["notification"]["sender"] == {"id": f"user:{bob.pk}"}

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"title": " "}, "title"),
            ({"title": "x" * 201}, "title"),
            ({"title": "\x00"}, "title"),
            ({"title": "\ud800"}, "title"),
            ({"message": "x" * 4001}, "message"),
            ({"type": "a b"}, "type"),
            ({"type": ""}, "type"),
            ({"link": "javascript:alert(1)"}, "link"),
            ({"data": []}, "data"),
            ({"data": "x"}, "data"),
            ({"data": {"a": 2**64}}, "data"),
            ({"data": {"a": "x" * 9000}}, "data"),
            ({"idempotencyKey": ""}, "idempotencyKey"),
            ({"idempotencyKey": "x" * 201}, "idempotencyKey"),
            ({"recipientId": "nobody"}, "recipientId"),
            ({"recipientId": ""}, "recipientId"),
            ({"recipientId": "9" * 30}, "recipientId"),
            ({"recipientId": "999999"}, "recipientId"),
        ],
    )
    async def test_what_is_not_acceptable_is_named(
        self, ask: Ask, staff: User, wrong: dict[str, Any], field: str
    ) -> None:
        before = await count_rows()
        input = {"recipientId": str(staff.pk), "title": "x"} | wrong
        error = await ask.error(SEND, staff, {"input": input})
        assert error["extensions"] == {"code": "BAD_USER_INPUT", "field": f"input.{field}"}
        assert error["path"] == ["send"]
        assert "_" not in error["message"].replace("'_'", "")
        assert await count_rows() == before

    async def test_how_often_is_limited(
        self, ask: Ask, alice: User, configure: Callable[..., None]
    ) -> None:
        configure(SEND_RATE="1/hour burst 2")
        variables = {"input": {"recipientId": str(alice.pk), "title": "x"}}
        for _ in range(2):
            await ask.data(SEND, alice, variables)
        error = await ask.error(SEND, alice, variables)
        seconds = error["extensions"].pop("retryAfter")
        assert error == {
            "message": "You send too fast.",
            "path": ["send"],
            "extensions": {"code": "RATE_LIMITED"},
        }
        assert 3500 < seconds <= 3600
        assert await Notification.objects.acount() == 2


class TestSendMany:
    SEND_MANY = """mutation($input: SendManyInput!) {
      sendMany(input: $input) { sentCount results { recipient status notificationId } }
    }"""

    async def test_each_recipient_has_a_result(self, ask: Ask, alice: User, bob: User) -> None:
        names = [f"user:{bob.pk}", "nobody", str(alice.pk)]
        input = {"recipientIds": names, "title": "Hi", "idempotencyKey": "k"}
        sent = await ask.data(
            self.SEND_MANY, alice, {"input": input}, "notifications:send-to-anyone"
        )
        ids = {
            row.recipient_id: str(row.pk)
            for row in await in_database_thread(lambda: list(Notification.objects.all()))
        }
        expected = {
            "sentCount": 2,
            "results": [
                {"recipient": names[0], "status": "SENT", "notificationId": ids[bob.pk]},
                {
                    "recipient": "nobody",
                    "status": "UNKNOWN_RECIPIENT",
                    "notificationId": None,
                },
                {"recipient": names[2], "status": "SENT", "notificationId": ids[alice.pk]},
            ],
        }
        assert sent == expected
        # A retry has the same results, and nobody gets it twice, also after deleting it.
        await in_database_thread(lambda: Notification.objects.get(recipient=bob).delete())
        again = await ask.data(
            self.SEND_MANY, alice, {"input": input}, "notifications:send-to-anyone"
        )
        assert again == expected
        assert await Notification.objects.acount() == 1

    async def test_without_permission_only_the_callers_own_inbox_gets_it(
        self, ask: Ask, alice: User, bob: User
    ) -> None:
        input = {"recipientIds": [str(bob.pk), str(alice.pk)], "title": "Hi"}
        sent = await ask.data(self.SEND_MANY, alice, {"input": input})
        assert [result["status"] for result in sent["results"]] == ["FORBIDDEN", "SENT"]
        assert sent["sentCount"] == 1

    async def test_recipients_by_what_tokens_call_them(
        self, ask: Ask, alice: User, configure: Callable[..., None]
    ) -> None:
        token_user = {"JWT_USER_FIELD": "username", "JWT_CREATE_USERS": True}
        configure(**token_user)
        input = {"recipientRefs": ["alice", "zoe"], "title": "Hi"}
        sent = await ask.data(
            self.SEND_MANY, alice, {"input": input}, "notifications:send-to-anyone"
        )
        assert [result["status"] for result in sent["results"]] == ["SENT", "SENT"]
        zoe = await User.objects.aget(username="zoe")
        assert await Notification.objects.filter(recipient=zoe).acount() == 1

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"recipientIds": []}, "input.recipientIds"),
            ({"title": ""}, "input.title"),
            ({"idempotencyKey": ""}, "input.idempotencyKey"),
        ],
    )
    async def test_bad_input_is_refused_as_a_whole(
        self, ask: Ask, alice: User, change: dict[str, Any], field: str
    ) -> None:
        input = {"recipientIds": [str(alice.pk)], "title": "Hi"} | change
        error = await ask.error(self.SEND_MANY, alice, {"input": input})
        assert error["extensions"] == {"code": "BAD_USER_INPUT", "field": field}
        assert await Notification.objects.acount() == 0


class TestMarking:
    async def test_mark_read_and_unread(
        self, ask: Ask, alice: User, inbox: list[Notification]
    ) -> None:
        fields = "{ notification { id read readAt } unreadCount position }"
        id = str(inbox[1].pk)
        read = await ask.data(f'mutation {{ markRead(id: "{id}") {fields} }}', alice)
        read_at = read["notification"]["readAt"]
        assert read_at.endswith("Z")
        assert read == {
            "notification": {"id": id, "read": True, "readAt": read_at},
            "unreadCount": 2,
            "position": await position_of(alice),
        }
        again = await ask.data(f'mutation {{ markRead(id: "{id}") {fields} }}', alice)
        assert again == read
        unread = await ask.data(f'mutation {{ markUnread(id: "{id}") {fields} }}', alice)
        assert unread == {
            "notification": {"id": id, "read": False, "readAt": None},
            "unreadCount": 3,
            "position": await position_of(alice),
        }

    @pytest.mark.parametrize("mutation", ["markRead", "markUnread", "delete"])
    @pytest.mark.parametrize("id", ["", "0", "x", "user:1", "9" * 40, "-1", "1.0"])
    async def test_what_is_not_there_is_not_found(
        self, ask: Ask, alice: User, mutation: str, id: str
    ) -> None:
        query = f"mutation($id: ID!) {{ {mutation}(id: $id) {{ position }} }}"
        assert await ask.error(query, alice, {"id": id}) == {
            "message": "You have no such notification.",
            "path": [mutation],
            "extensions": {"code": "NOT_FOUND"},
        }

    @pytest.mark.parametrize("mutation", ["markRead", "markUnread", "delete"])
    async def test_a_notification_of_another_user_is_not_found(
        self, ask: Ask, bob: User, alice: User, inbox: list[Notification], mutation: str
    ) -> None:
        before, position = await count_rows(), await position_of(alice)
        query = f'mutation {{ {mutation}(id: "{inbox[0].pk}") {{ position }} }}'
        assert (await ask.error(query, bob))["extensions"] == {"code": "NOT_FOUND"}
        assert (await count_rows(), await position_of(alice)) == (before, position)

    async def test_mark_all_read(self, ask: Ask, alice: User, inbox: list[Notification]) -> None:
        query = "mutation { markAllRead { count unreadCount position } }"
        done = await ask.data(query, alice)
        assert done == {"count": 3, "unreadCount": 0, "position": await position_of(alice)}
        assert await ask.data(query, alice) == done | {"count": 0}

    async def test_what_arrives_meanwhile_stays_unread(
        self, ask: Ask, alice: User, inbox: list[Notification]
    ) -> None:
        seen = await position_of(alice)
        await in_database_thread(services.send, recipient_id=alice.pk, title="meanwhile")
        query = f'mutation {{ markAllRead(upTo: "{seen}") {{ count unreadCount position }} }}'
        assert await ask.data(query, alice) == {
            "count": 3,
            "unreadCount": 1,
            "position": await position_of(alice),
        }

    @pytest.mark.parametrize("position", ["x", "", "abc.1", "abc.999999999999999999"])
    async def test_a_position_of_nowhere_is_refused(
        self, ask: Ask, alice: User, inbox: list[Notification], position: str
    ) -> None:
        query = f'mutation {{ markAllRead(upTo: "{position}") {{ count }} }}'
        error = await ask.error(query, alice)
        assert error["extensions"] == {"code": "BAD_USER_INPUT", "field": "upTo"}
        assert await Notification.objects.filter(read_at=None).acount() == 3

    async def test_delete(self, ask: Ask, alice: User, inbox: list[Notification]) -> None:
        id = str(inbox[0].pk)
        query = f'mutation {{ delete(id: "{id}") {{ notificationId unreadCount position }} }}'
        assert await ask.data(query, alice) == {
            "notificationId": id,
            "unreadCount": 2,
            "position": await position_of(alice),
        }
        assert (await ask.error(query, alice))["extensions"] == {"code": "NOT_FOUND"}
        assert await Notification.objects.acount() == 2

    async def test_mutations_of_one_document_run_in_order(
        self, ask: Ask, alice: User, inbox: list[Notification]
    ) -> None:
        id = inbox[0].pk
        body = await ask(
            f'mutation {{ a: markRead(id: "{id}") {{ unreadCount }} '
            f'b: markUnread(id: "{id}") {{ unreadCount }} c: delete(id: "{id}") {{ unreadCount }} }}',
            alice,
        )
        assert body == {
            "data": {"a": {"unreadCount": 2}, "b": {"unreadCount": 3}, "c": {"unreadCount": 2}}
        }


class TestPreferences:
    SET = """mutation($input: NotificationPreferenceInput!) {
      setNotificationPreference(input: $input) { type enabled required }
    }"""

    async def test_a_type_is_turned_off_and_on(self, ask: Ask, alice: User) -> None:
        for enabled in (False, False, True):
            input = {"type": "news", "enabled": enabled}
            assert await ask.data(self.SET, alice, {"input": input}) == {
                "type": "news",
                "enabled": enabled,
                "required": False,
            }
        assert await NotificationPreference.objects.acount() == 1

    async def test_a_required_type_cannot_be_turned_off(
        self, ask: Ask, alice: User, configure: Callable[..., None]
    ) -> None:
        configure(TYPES={"security": {"required": True}})
        on, off = ({"type": "security", "enabled": enabled} for enabled in (True, False))
        assert await ask.error(self.SET, alice, {"input": off}) == {
            "message": "Notifications of this type cannot be turned off.",
            "path": ["setNotificationPreference"],
            "extensions": {"code": "BAD_USER_INPUT", "field": "input.enabled"},
        }
        assert await NotificationPreference.objects.acount() == 0
        assert await ask.data(self.SET, alice, {"input": on}) == on | {"required": True}

    async def test_a_type_is_turned_on_by_another_channel(
        self, ask: Ask, alice: User, configure: Callable[..., None]
    ) -> None:
        configure(CHANNELS={"email": {"label": "E-mail"}})
        document = self.SET.replace("required", "channels { channel label enabled required }")
        both = {"type": "news", "enabled": True}
        for channel, enabled in (("email", True), ("in_app", False), ("email", False)):
            input = {"type": "news", "channel": channel, "enabled": enabled}
            both |= {channel: enabled}
            assert await ask.data(document, alice, {"input": input}) == {
                "type": "news",
                "enabled": both.get("in_app", True),
                "channels": [
                    {
                        "channel": each,
                        "label": label,
                        "enabled": both.get(each, True),
                        "required": False,
                    }
                    for each, label in (("in_app", "in_app"), ("email", "E-mail"))
                ],
            }
        assert await NotificationPreference.objects.acount() == 2

    async def test_what_is_required_by_a_channel_cannot_be_turned_off_there(
        self, ask: Ask, alice: User, configure: Callable[..., None]
    ) -> None:
        configure(CHANNELS={"email": {}}, TYPES={"security": {"required": ["email"]}})
        off = {"type": "security", "enabled": False}
        error = await ask.error(self.SET, alice, {"input": off | {"channel": "email"}})
        assert error["extensions"] == {"code": "BAD_USER_INPUT", "field": "input.enabled"}
        assert await NotificationPreference.objects.acount() == 0
        assert await ask.data(self.SET, alice, {"input": off}) == off | {"required": False}

    async def test_a_channel_must_be_one_of_the_site(self, ask: Ask, alice: User) -> None:
        input = {"type": "news", "channel": "email", "enabled": True}
        assert await ask.error(self.SET, alice, {"input": input}) == {
            "message": "This site has no such channel.",
            "path": ["setNotificationPreference"],
            "extensions": {"code": "BAD_USER_INPUT", "field": "input.channel"},
        }
        assert await NotificationPreference.objects.acount() == 0

    async def test_a_type_must_be_a_slug(self, ask: Ask, alice: User) -> None:
        error = await ask.error(self.SET, alice, {"input": {"type": "a b", "enabled": True}})
        assert error["extensions"] == {"code": "BAD_USER_INPUT", "field": "input.type"}
