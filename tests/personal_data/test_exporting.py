"""Exporting: everything that is held about a user, and nothing that is only about others."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User

import live_inbox
from live_inbox import services
from live_inbox.personal_data import scanning
from tests.domain.query_counting import queries
from tests.personal_data.everything_of_a_user import KEY, NAME
from tests.personal_data.test_erasing import HELD

Records = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def records(subject: User) -> Records:
    """Return the records of an export of this kind, without that."""
    found = list(live_inbox.export_user(user=subject))

    def of(kind: str) -> list[dict[str, Any]]:
        return [
            {name: value for name, value in each.items() if name != "record"}
            for each in found
            if each["record"] == kind
        ]

    return of


def test_each_row_is_a_record_of_json(subject: User) -> None:
    found = list(live_inbox.export_user(user=subject))
    assert Counter(each["record"] for each in found) == {"user": 1, **HELD}
    assert json.loads(json.dumps(found)) == found


def test_the_first_record_says_whose_export_it_is(records: Records) -> None:
    (user,) = records("user")
    assert user.pop("exported_at")
    assert user == {
        "format": 1,
        "id": "471147114",
        "username": "jabberwocky",
        "name": "Jabberwocky",
    }


def test_notifications_of_every_folder(records: Records) -> None:
    shown = {each["title"]: each for each in records("notification")}
    folders = {title: each["folder"] for title, each in shown.items()}
    assert folders == {
        "received 0": "inbox",
        "received 1": "archive",
        "received 2": "snoozed",
        "received 3": "inbox",
        "from myself": "inbox",
        "folded 0": "grouped",
        "folded 1": "grouped",
        "folded 2": "inbox",
        "decided": "inbox",
        "decided in vain": "inbox",
        "x": "inbox",
    }
    assert shown["received 0"]["read_at"] is not None
    assert shown["received 0"]["sender"]["username"] == "other"
    assert shown["received 3"]["pinned"] is True
    assert shown["decided"]["performed_action"] == "approve"


def test_what_was_sent_says_nothing_of_what_its_recipients_did(
    records: Records, other: User, third: User
) -> None:
    sent = [
        (each["title"], each["recipient"], each["read_at"], each["idempotency_key"])
        for each in records("sent")
    ]
    assert sent == [
        ("edited", str(other.pk), None, f"of {NAME}"),
        ("without a key", str(third.pk), None, None),
        ("to all", str(other.pk), None, None),
        ("to all", str(third.pk), None, None),
    ]


def test_campaigns_with_their_content_and_recipients(
    records: Records, other: User, third: User
) -> None:
    sent, never = records("bulk_send")
    assert (sent["state"], sent["content"]["title"]) == ("done", "to all")
    assert (sent["audience"], sent["recipient_keys"]) == ("users", [other.pk, third.pk])
    assert (never["state"], never["content"]["title"]) == ("pending", "never")
    assert (never["audience"], never["recipient_keys"]) == ("everybody", [])


def test_what_waits_choices_and_decisions(records: Records, other: User) -> None:
    waiting = [(each["recipient"], each["content"]["title"]) for each in records("scheduled")]
    assert waiting == [(KEY, "waits for me"), (other.pk, "waits")]
    assert records("topic") == [{"topic": "news"}]
    assert records("preference") == [{"type": "weekly", "channel": "in_app", "enabled": False}]
    actions = [each["body"]["data"]["action_id"] for each in records("webhook_delivery")]
    assert actions == ["approve", "approve"]
    (inbox,) = records("inbox")
    assert (inbox["total_count"], inbox["archived_count"], inbox["snoozed_count"]) == (7, 1, 1)


def test_the_log_as_devices_got_it(records: Records) -> None:
    events = records("event")
    assert [each["sequence"] for each in events] == list(range(1, 22))
    first = events[0]
    assert (first["kind"], first["notification"]["title"]) == ("added", "received 0")
    assert (first["unread"], first["total"]) == (1, 1)
    assert "payload" not in first


def test_others_give_away_how_they_name_the_user_and_nothing_else(records: Records) -> None:
    named = [
        {
            name: value
            for name, value in each.items()
            if name not in ("notification_id", "created_at")
        }
        for each in records("named_in_notification")
    ]
    actor = {"user": "471147114", "name": "Jabberwocky"}
    assert named == [
        {"type": "general", "target": {"type": "auth.user", "id": "471147114"}},
        {"type": "general", "actor": actor},
        {"type": "general", "group_actors": [actor]},
        {"type": "general", "group_actors": [actor]},
    ]
    text = json.dumps(records("named_in_notification") + records("named_in_event"))
    assert "likes it" not in text
    assert "third" not in text


def test_no_secret_is_exported(subject: User) -> None:
    text = json.dumps(list(live_inbox.export_user(user=subject)))
    for name in ("token_digest", "given_digest", "epoch", "fingerprint"):
        assert name not in text


def test_an_account_that_has_been_deleted(subject: User) -> None:
    subject.delete()
    found = list(live_inbox.export_user(user=KEY))
    assert found[0] | {"exported_at": ""} == {
        "record": "user",
        "format": 1,
        "exported_at": "",
        "id": "471147114",
        "username": "",
        "name": "",
    }
    kinds = Counter(each["record"] for each in found)
    assert kinds == {
        "user": 1,
        "named_in_notification": 4,
        "named_in_event": 12,
        "named_in_undo_step": 1,
        "named_in_scheduled": 1,
        "named_in_campaign": 1,
        "bulk_send_progress": 2,
        "bulk_send_outcome": 1,
        "webhook_delivery": 2,
    }


def test_rows_are_read_as_they_are_taken(
    bell: Any, other: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more than a page is in memory: what is not taken is not read."""
    for number in range(25):
        services.send(recipient_id=other.pk, title=f"{number}")
    monkeypatch.setattr(scanning.paged, "__kwdefaults__", {"size": 10})
    found = (
        each["title"]
        for each in live_inbox.export_user(user=other)
        if each["record"] == "notification"
    )
    assert next(found) == "0"
    with queries() as of_page:
        assert [next(found) for _ in range(9)] == [f"{number}" for number in range(1, 10)]
    assert len(of_page) == 0
    with queries() as of_next:
        assert next(found) == "10"
    assert len(of_next) == 1
    assert list(found) == [f"{number}" for number in range(11, 25)]


@pytest.mark.django_db(transaction=True)
def test_the_asynchronous_twins(bell: Any, other: User, third: User) -> None:
    for number in range(150):
        services.send(recipient_id=other.pk, title=f"{number}")

    async def export() -> list[str]:
        records = live_inbox.aexport_user(user=other)
        return [each["title"] async for each in records if each["record"] == "notification"]

    assert async_to_sync(export)() == [f"{number}" for number in range(150)]
    done = async_to_sync(live_inbox.aerase_user)(user=other)
    assert done.erased == {"notification": 150, "event": 151, "inbox": 1}
    assert done.left == {}
