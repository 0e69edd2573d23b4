"""What users have chosen reaches the webhook, wherever processes are killed, and however many deliver at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from live_inbox import services
from live_inbox.conf import inbox_settings
from live_inbox.maintenance.action_webhook import WebhookConfig, WebhookDeliverer
from live_inbox.models import Notification, WebhookDelivery
from tests.changed_settings import changed_settings
from tests.domain.concurrency import THREADS, at_once
from tests.domain.crashing import crash_at, crash_at_each_step
from tests.domain.webhook_receiver import SECRETS, Receiver, running_receiver

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("bell")]

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
LATER = timedelta(minutes=10)
"""After that, everything is due again."""


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver that the settings name."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with (
        running_receiver() as receiver,
        changed_settings(ACTION_WEBHOOK_URL=receiver.url, ACTION_WEBHOOK_SECRETS=list(SECRETS)),
    ):
        yield receiver


def deliver(now: datetime, batch: int = 2) -> int:
    config = WebhookConfig.of(inbox_settings())
    assert config is not None
    return WebhookDeliverer(config).deliver_due(now=now, batch=batch)


def ask() -> tuple[int, int]:
    """Send a question to a new user; return the user's key and the notification's."""
    user = User.objects.create(username=f"u{User.objects.count()}")
    actions = [{"label": "Approve", "id": "approve"}]
    sent = services.send(recipient_id=user.pk, title="x", actions=actions, now=NOON).notification
    assert sent is not None
    return user.pk, sent.pk


def choose(user_id: int, notification_id: int) -> None:
    services.perform_action(
        user_id=user_id, notification_id=notification_id, action_id="approve", now=NOON
    )


def chosen(count: int) -> list[str]:
    """Have so many users choose; return the ids of the messages."""
    before = set(WebhookDelivery.objects.values_list("pk", flat=True))
    for _ in range(count):
        choose(*ask())
    new = WebhookDelivery.objects.exclude(pk__in=before)
    return list(new.values_list("message_id", flat=True))


@pytest.mark.parametrize("after", [False, True])
def test_a_choice_is_recorded_with_its_message_or_not_at_all(
    receiver: Receiver, after: bool
) -> None:
    outcomes = Counter[bool]()
    for crash in crash_at_each_step(after=after):
        user_id, id = ask()
        with crash:
            choose(user_id, id)
        is_recorded = Notification.objects.get(pk=id).performed_action is not None
        assert WebhookDelivery.objects.filter(notification_id=id).count() == is_recorded
        outcomes[is_recorded] += 1
    assert len(outcomes) == 2


@pytest.mark.parametrize("after", [False, True])
def test_one_crash_at_each_step_of_a_delivery(receiver: Receiver, after: bool) -> None:
    left = Counter[int]()
    twice = 0
    for step, crash in enumerate(crash_at_each_step(after=after)):
        now = NOON + step * timedelta(days=1)
        ids = chosen(3)
        with crash:
            deliver(now)
        left[WebhookDelivery.objects.count()] += 1
        deliver(now + LATER)
        assert not WebhookDelivery.objects.exists()
        got = Counter(receiver.ids)
        # At least once; again is what a crash before the end of a batch has sent.
        assert got.keys() == set(ids)
        assert set(got.values()) <= {1, 2}
        twice += 2 in got.values()
        receiver.received.clear()
    assert left.keys() == {0, 1, 3}
    assert 0 < twice < 10


@pytest.mark.stack("production")
def test_several_deliver_at_once_and_none_the_same(receiver: Receiver) -> None:
    ids = chosen(20)
    results = at_once(*[lambda: deliver(NOON)] * THREADS)
    assert all(isinstance(result, int) for result in results), results
    assert sum(result for result in results if isinstance(result, int)) == len(ids)
    assert sorted(receiver.ids) == sorted(ids)
    assert not WebhookDelivery.objects.exists()


@pytest.mark.stack("production")
def test_several_deliver_at_once_while_some_are_killed(receiver: Receiver) -> None:
    ids = chosen(12)

    def killed(step: int, *, after: bool) -> Callable[[], int]:
        def call() -> int:
            with crash_at(step, after=after):
                deliver(NOON)
            return 0

        return call

    results = at_once(
        killed(2, after=False), killed(3, after=True), killed(5, after=True), lambda: deliver(NOON)
    )
    assert all(isinstance(result, int) for result in results), results
    deliver(NOON + LATER)
    assert set(receiver.ids) == set(ids)
    assert set(receiver.most_at_once.values()) == {1}
    assert not WebhookDelivery.objects.exists()


@pytest.mark.stack("production")
def test_what_another_process_is_claiming_is_left_to_it(receiver: Receiver) -> None:
    ids = chosen(3)
    with transaction.atomic():
        WebhookDelivery.objects.select_for_update().get(message_id=ids[1])
        assert at_once(lambda: deliver(NOON)) == [2]
    assert set(receiver.ids) == {ids[0], ids[2]}
    assert deliver(NOON) == 1


def test_while_one_waits_for_an_answer_others_leave_the_message(receiver: Receiver) -> None:
    receiver.gate.clear()
    (id,) = chosen(1)
    config = WebhookConfig.of(inbox_settings())
    assert config is not None
    steps = WebhookDeliverer(config).deliver_in_steps(now=NOON)
    answered = next(steps)
    assert deliver(NOON) == 0
    receiver.gate.set()
    assert isinstance(answered, Future)
    answered.result(30)
    assert list(steps) == [1]
    assert receiver.ids == [id]
