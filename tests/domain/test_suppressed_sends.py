"""How many recipients have not got what they had turned off: counted with the send, for the statistics."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import transaction

import live_inbox
from live_inbox import services
from live_inbox.maintenance.deliveries import deliver_due
from live_inbox.maintenance.suppressed_pruning import prune_suppressed
from live_inbox.models import SuppressedSend
from live_inbox.services import bulk_sending
from tests.changed_settings import changed_settings
from tests.domain.query_counting import queries

pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def crowd(alice: User, bob: User) -> list[User]:
    """Five users, of whom alice wants everything, and the others no news."""
    others = [bob, *(User.objects.create_user(f"user{number}") for number in range(3))]
    for user in others:
        services.set_preference(user_id=user.pk, type="news", enabled=False)
    return [alice, *others]


def rows() -> list[tuple[str, int]]:
    """Return the type and the number of recipients of each row, in their order."""
    return list(SuppressedSend.objects.order_by("pk").values_list("type", "recipients"))


def send_one(crowd: list[User]) -> None:
    for user in crowd:
        live_inbox.send(recipient=user, title="x", type="news")


def send_many(crowd: list[User]) -> None:
    live_inbox.send_many(recipients=crowd, title="x", type="news")


def send_campaign(crowd: list[User]) -> None:
    campaign = live_inbox.start_campaign(everybody=True, title="x", type="news")
    live_inbox.run_campaign(campaign.id)


def send_later(crowd: list[User]) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    for user in crowd:
        live_inbox.send(recipient=user, title="x", type="news", deliver_at=later)
    assert rows() == []
    deliver_due(now=later)


@pytest.mark.parametrize("send", [send_one, send_many, send_campaign, send_later])
def test_whoever_is_passed_over_is_counted(
    crowd: list[User], send: Callable[[list[User]], None]
) -> None:
    send(crowd)

    assert {type for type, _ in rows()} == {"news"}
    assert sum(count for _, count in rows()) == 4


def test_each_transaction_writes_one_row(
    crowd: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_sending, "SEND_CHUNK", 3)

    send_many(crowd)

    assert rows() == [("news", 2), ("news", 2)]


def test_a_call_that_is_repeated_with_its_key_counts_nobody_again(crowd: list[User]) -> None:
    for _ in range(2):
        live_inbox.send_many(recipients=crowd, title="x", type="news", idempotency_key="k")

    assert rows() == [("news", 4)]


def test_the_time_is_that_of_the_send(bob: User, crowd: list[User]) -> None:
    services.send(recipient_id=bob.pk, title="x", type="news", now=NOON)

    assert SuppressedSend.objects.get().created_at == NOON


def test_what_is_rolled_back_is_not_counted(bob: User, crowd: list[User]) -> None:
    with transaction.atomic():
        live_inbox.send(recipient=bob, title="x", type="news")
        assert rows() == [("news", 1)]
        transaction.set_rollback(True)

    assert rows() == []


def test_sends_that_reach_everybody_write_and_count_nothing(
    alice: User, bob: User, crowd: list[User]
) -> None:
    with queries() as statements:
        live_inbox.send(recipient=alice, title="x", type="news")
        live_inbox.send_many(recipients=crowd, title="x")
        with changed_settings(TYPES={"news": {"required": True}}):
            live_inbox.send(recipient=bob, title="x", type="news")

    assert rows() == []
    assert not [each for each in statements if "suppressed" in each]


def test_old_counts_are_removed(bob: User, crowd: list[User]) -> None:
    for days in (31, 30, 29, 0):
        moment = NOON - timedelta(days=days, seconds=1)
        services.send(recipient_id=bob.pk, title="x", type="news", now=moment)

    with changed_settings(LOG_KEEP_DAYS=30):
        assert prune_suppressed(now=NOON, batch=1) == 2
        assert prune_suppressed(now=NOON) == 0

    kept = SuppressedSend.objects.order_by("pk").values_list("created_at", flat=True)
    assert [(NOON - each).days for each in kept] == [29, 0]
