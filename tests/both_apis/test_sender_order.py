"""Over the JSON API, what a sender changes in the own inbox comes before the answer."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from live_inbox import services
from live_inbox.identity.issuing import issue_token
from tests.both_apis.raw_clients import RawJsonClient
from tests.both_apis.server_thread import ServerThread

pytestmark = pytest.mark.django_db(transaction=True)


def messages_after(client: RawJsonClient, message: dict[str, Any], count: int) -> list[str]:
    """Return the types of the messages that a request leads to: so many, and no further one."""
    client.say(message)
    types = [client.hear()["type"] for _ in range(count)]
    client.say({"type": "ping"})
    assert client.hear() == {"type": "pong"}
    return types


def test_the_own_inbox_and_another(server: ServerThread, alice: int, bob: int) -> None:
    token = issue_token(User.objects.get(pk=alice), ttl_seconds=600)
    other = services.send(recipient_id=bob, sender_id=alice, title="x").notification
    assert other is not None
    with RawJsonClient(server.ws, token) as client:
        many = {"type": "send_many", "user_ids": [alice, bob], "title": "x", "idempotency_key": "k"}
        assert messages_after(client, many, 2) == ["notification", "notifications_sent"]
        assert messages_after(client, many, 1) == ["notifications_sent"]
        own = services.send(recipient_id=alice, sender_id=alice, title="x").notification
        assert own is not None
        assert client.hear()["type"] == "notification"
        edit = {"type": "edit_notification", "notification_id": own.pk, "title": "y"}
        assert messages_after(client, edit, 2) == ["notification_edited", "notifications_list"]
        assert messages_after(client, edit, 1) == ["notification_edited"]
        assert messages_after(client, edit | {"notification_id": other.pk}, 1) == [
            "notification_edited"
        ]
        shown = {"type": "get_notification", "notification_id": own.pk}
        assert messages_after(client, shown, 1) == ["notification_details"]
        recall = {"type": "recall_notification", "notification_id": own.pk}
        assert messages_after(client, recall, 2) == [
            "notification_deleted",
            "notification_recalled",
        ]
        assert messages_after(client, recall, 1) == ["notification_recalled"]
        assert messages_after(client, recall | {"notification_id": other.pk}, 1) == [
            "notification_recalled"
        ]
        assert messages_after(client, {"type": "get_topics"}, 1) == ["topics_list"]
