"""Both APIs send to many users, and start, show, cancel and recall campaigns."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.utils import timezone

import live_inbox
from live_inbox.models import BulkSend, Notification
from tests.both_apis.devices import Device, Refused
from tests.changed_settings import changed_settings

Open = Callable[[str], Device]

pytestmark = pytest.mark.django_db(transaction=True)


def permit(user_id: int, codename: str = "send_notification") -> None:
    User.objects.get(pk=user_id).user_permissions.add(Permission.objects.get(codename=codename))


@pytest.fixture
def operator(open_first: Open, alice: int) -> Device:
    """A device of alice, who may send to everybody."""
    permit(alice)
    return open_first("alice")


def test_each_recipient_has_a_result_and_the_notification(
    operator: Device, open_second: Open, alice: int, bob: int
) -> None:
    recipient = open_second("bob")
    given: dict[str, Any] = {"title": "x", "data": {"n": 1}, "idempotency_key": "k"}
    given["user_ids"] = [str(bob), str(alice), "999999"]
    sent = operator.send_many(**given)
    ids = dict(Notification.objects.values_list("recipient", "pk"))
    assert sent == {
        "results": [
            {"recipient": str(bob), "status": "sent", "notification_id": ids[bob]},
            {"recipient": str(alice), "status": "sent", "notification_id": ids[alice]},
            {"recipient": "999999", "status": "unknown_recipient", "notification_id": None},
        ],
        "sent_count": 2,
        "campaign_id": BulkSend.objects.get().pk,
    }
    for device, user in ((recipient, bob), (operator, alice)):
        change = device.next_change()
        assert (change.what, change.notification_id) == ("added", ids[user])
    assert operator.send_many(**given) == sent
    with pytest.raises(Refused, match="CONFLICT"):
        operator.send_many(**{**given, "title": "y"})
    assert Notification.objects.count() == 2


def test_who_is_named_twice_is_counted_once(operator: Device, alice: int, bob: int) -> None:
    names = [str(bob), str(alice), str(bob)]
    sent = operator.send_many(user_ids=names, user_refs=[str(bob)], title="x")
    assert [each["status"] for each in sent["results"]] == ["sent", "sent", "sent", "sent"]
    assert (sent["sent_count"], Notification.objects.count()) == (2, 2)


def test_users_send_many_to_themselves_alone(phone: Device, alice: int, bob: int) -> None:
    sent = phone.send_many(user_ids=[str(bob), str(alice), "999999"], title="x")
    assert [each["status"] for each in sent["results"]] == ["forbidden", "sent", "forbidden"]
    assert (sent["sent_count"], sent["campaign_id"]) == (1, None)
    assert phone.next_change().what == "added"
    phone.set_preference("news", enabled=False)
    muted = phone.send_many(user_ids=[str(alice)], title="x", type="news")
    assert [each["status"] for each in muted["results"]] == ["suppressed"]
    assert Notification.objects.get().recipient_id == alice


def test_recipients_are_named_as_tokens_name_them(operator: Device, alice: int, bob: int) -> None:
    sent = operator.send_many(user_refs=[str(bob), "nobody"], user_ids=[str(alice)], title="x")
    assert [(each["recipient"], each["status"]) for each in sent["results"]] == [
        (str(alice), "sent"),
        (str(bob), "sent"),
        ("nobody", "unknown_recipient"),
    ]


def test_what_send_many_refuses(operator: Device, alice: int) -> None:
    wrong: list[dict[str, Any]] = [
        {"user_ids": []},
        {"user_ids": [str(alice)] * 3},
        {"title": ""},
        {"expires_at": "2001-01-01T00:00:00Z"},
    ]
    with changed_settings(MAX_RECIPIENTS=2):
        for each in wrong:
            with pytest.raises(Refused, match="BAD_USER_INPUT"):
                operator.send_many(**{"user_ids": [str(alice)], "title": "x", **each})
    assert not Notification.objects.exists()


def test_each_recipient_counts_as_a_send(operator: Device, alice: int, bob: int) -> None:
    with changed_settings(SEND_RATE="1/hour burst 3"):
        operator.send_many(user_ids=[str(alice), str(bob)], title="x")
        with pytest.raises(Refused, match="RATE_LIMITED"):
            operator.send_many(user_ids=[str(alice), str(bob)], title="x")
    assert Notification.objects.count() == 2


def test_a_campaign_is_started_carried_out_and_recalled(
    operator: Device, laptop: Device, alice: int, bob: int
) -> None:
    started = operator.start_campaign(everybody=True, title="x", idempotency_key="k")
    number = started["id"]
    assert started.pop("started_at")
    assert started.pop("changed_at")
    counts = ("sent", "suppressed", "failed", "scheduled", "recalled", "seen", "read")
    assert started == {
        "id": number,
        "state": "pending",
        "total": 2,
        **dict.fromkeys(counts, 0),
        "is_exact": True,
        **dict.fromkeys(("reason", "topic", "segment", "deliver_at")),
    }
    live_inbox.run_campaign(number)
    added = laptop.next_change()
    assert added.notification_id is not None
    laptop.mark_read(added.notification_id)
    live_inbox.mark_seen(user=bob)
    for device in (operator, laptop):
        shown = device.campaign(number)
        counted = [shown[each] for each in ("total", "sent", "seen", "read")]
        assert (shown["state"], counted) == ("done", [2, 2, 2, 1])
    assert operator.start_campaign(everybody=True, title="x", idempotency_key="k")["sent"] == 2
    assert operator.cancel_campaign(number)["state"] == "done"
    assert operator.recall_campaign(number)["state"] == "recalling"
    live_inbox.run_campaign(number)
    recalled = operator.campaign(number)
    assert (recalled["state"], recalled["recalled"]) == ("recalled", 2)
    assert [laptop.next_change().what for _ in range(2)] == ["read", "deleted"]
    assert not Notification.objects.exists()


def test_a_campaign_to_a_topic_for_later_is_cancelled_before(
    operator: Device, alice: int, bob: int
) -> None:
    live_inbox.subscribe(user=bob, topic="news")
    later = f"{timezone.now() + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    started = operator.start_campaign(topic="news", title="x", deliver_at=later)
    shown = [started[each] for each in ("topic", "segment", "total", "deliver_at")]
    assert shown == ["news", None, 1, later]
    live_inbox.run_campaign(started["id"])
    assert operator.cancel_campaign(started["id"])["state"] == "cancelled"
    assert not Notification.objects.exists()


def test_a_call_of_send_many_is_shown_and_recalled_by_its_number(
    operator: Device, bob: int
) -> None:
    sent = operator.send_many(user_ids=[str(bob)], title="x", idempotency_key="k")
    number = sent["campaign_id"]
    shown = operator.campaign(number)
    assert (shown["state"], shown["total"], shown["sent"]) == ("done", 1, 1)
    operator.recall_campaign(number)
    live_inbox.run_campaign(number)
    assert not Notification.objects.exists()


def test_what_start_campaign_refuses(operator: Device) -> None:
    wrong: list[dict[str, Any]] = [
        {"title": ""},
        {"everybody": False},
        {"topic": "a"},
        {"everybody": False, "segment": "unknown"},
        {"everybody": False, "topic": "a b"},
        {"idempotency_key": " "},
    ]
    for each in wrong:
        with pytest.raises(Refused, match="BAD_USER_INPUT"):
            operator.start_campaign(**{"everybody": True, "title": "x", **each})
    assert not BulkSend.objects.exists()


def test_campaigns_are_their_senders_and_of_who_may_view_and_send(
    operator: Device, open_second: Open, bob: int
) -> None:
    other = open_second("bob")
    with pytest.raises(Refused, match="FORBIDDEN"):
        other.start_campaign(everybody=True, title="x")
    number = operator.start_campaign(everybody=True, title="x")["id"]
    for ask in (other.campaign, other.cancel_campaign, other.recall_campaign):
        with pytest.raises(Refused, match="NOT_FOUND"):
            ask(number)
    with pytest.raises(Refused, match="NOT_FOUND"):
        operator.campaign(number + 1)
    permit(bob, "view_bulksend")
    assert other.campaign(number)["state"] == "pending"
    with pytest.raises(Refused, match="FORBIDDEN"):
        other.cancel_campaign(number)
    permit(bob)
    assert other.cancel_campaign(number)["state"] == "cancelled"


def test_starting_and_ending_a_campaign_count_as_sends(operator: Device) -> None:
    with changed_settings(SEND_RATE="1/hour burst 2"):
        number = operator.start_campaign(everybody=True, title="x")["id"]
        operator.cancel_campaign(number)
        for ask in (operator.cancel_campaign, operator.recall_campaign):
            with pytest.raises(Refused, match="RATE_LIMITED"):
                ask(number)
        with pytest.raises(Refused, match="RATE_LIMITED"):
            operator.start_campaign(everybody=True, title="x")
        assert operator.campaign(number)["state"] == "cancelled"
