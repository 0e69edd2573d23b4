"""The webhook of actions: what is written when, how it is signed, and what each answer of the receiver leads to."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import transaction
from django.test.utils import override_settings

from live_inbox import services
from live_inbox.checks import check_settings
from live_inbox.conf import InboxSettings, inbox_settings
from live_inbox.http_client import RequestFailed, Response
from live_inbox.maintenance.action_webhook import ATTEMPTS, WebhookConfig, WebhookDeliverer
from live_inbox.maintenance.webhook_answers import error_of
from live_inbox.maintenance.webhook_pruning import prune_failed_deliveries
from live_inbox.models import WebhookDelivery
from live_inbox.services.action_webhook import deliver_again
from live_inbox.webhook_signatures import secret_in, signed_headers
from tests.changed_settings import changed_settings
from tests.delivery.metric_values import counted
from tests.domain.webhook_receiver import KEYS, SECRETS, Receiver, running_receiver

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("bell")]

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
LEASE = timedelta(seconds=45)
"""From a claim until another process may make the next attempt: the default timeout and 30 seconds."""
ACTIONS = [{"label": "Approve", "id": "approve"}, {"label": "Reject", "id": "reject"}]


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver that the settings name."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with (
        running_receiver() as receiver,
        webhook_settings(receiver.url),
    ):
        yield receiver


@pytest.fixture
def deliver(receiver: Receiver) -> Callable[..., int]:
    """Deliver what is due some seconds after noon: without jitter, as one process does."""
    process = deliverer()

    def deliver(seconds: float = 0.0, **options: Any) -> int:
        return process.deliver_due(now=after(seconds), **options)

    return deliver


def webhook_settings(url: str, **changes: Any) -> override_settings:
    """The settings of a webhook, but for changes."""
    given = {"ACTION_WEBHOOK_URL": url, "ACTION_WEBHOOK_SECRETS": list(SECRETS)}
    return changed_settings(**given | changes)


def deliverer(chance: float = 0.0) -> WebhookDeliverer:
    config = WebhookConfig.of(inbox_settings())
    assert config is not None
    return WebhookDeliverer(config, chance=lambda: chance)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def ask(user: User, **content: Any) -> int:
    """Send a question to a user; return the id of the notification."""
    sent = services.send(
        recipient_id=user.pk, title="Secret title", actions=ACTIONS, now=NOON, **content
    )
    assert sent.notification is not None
    return sent.notification.pk


def choose(user: User, notification_id: int, action: str = "approve") -> bool:
    return services.perform_action(
        user_id=user.pk, notification_id=notification_id, action_id=action, now=NOON
    ).changed


def row() -> WebhookDelivery:
    return WebhookDelivery.objects.get()


def waits() -> float:
    """Return the seconds from noon to the next attempt."""
    next_attempt_at = row().next_attempt_at
    assert next_attempt_at is not None
    return (next_attempt_at - NOON).total_seconds()


# -- the outbox --------------------------------------------------------------------------------------------


def test_without_a_webhook_nothing_is_written(alice: User) -> None:
    assert choose(alice, ask(alice))
    assert not WebhookDelivery.objects.exists()


def test_the_message_names_what_was_chosen_and_shows_no_text(
    alice: User, deliver: Callable[..., int], receiver: Receiver
) -> None:
    target = {"type": "shop.order", "id": 7}
    id = ask(alice, type="approval", target=target, idempotency_key="order-7", data={"a": "secret"})
    assert choose(alice, id)
    assert deliver(60.5) == 1
    (received,) = receiver.received
    assert received.path == "/hook?a=1"
    assert received.headers["content-type"] == "application/json"
    assert received.message == {
        "type": "notification.action_performed",
        "timestamp": "2030-01-01T12:00:00Z",
        "data": {
            "notification_id": id,
            "notification_type": "approval",
            "action_id": "approve",
            "user_id": str(alice.pk),
            "target": {"type": "shop.order", "id": "7"},
            "idempotency_key": "order-7",
        },
    }
    assert b"ecret" not in received.body
    assert received.message_id.startswith("msg_")
    assert received.timestamp == int(NOON.timestamp()) + 60
    assert received.signed_by() == list(KEYS)
    assert not WebhookDelivery.objects.exists()


def test_each_secret_signs_alone(
    alice: User, deliver: Callable[..., int], receiver: Receiver
) -> None:
    choose(alice, ask(alice))
    with webhook_settings(receiver.url, ACTION_WEBHOOK_SECRETS=SECRETS[1]):
        deliverer().deliver_due(now=NOON)
    assert receiver.received[0].signed_by() == [KEYS[1]]


def test_of_two_choices_one_is_delivered(
    alice: User, deliver: Callable[..., int], receiver: Receiver
) -> None:
    id = ask(alice)
    assert [choose(alice, id, action) for action in ("reject", "approve")] == [True, False]
    assert deliver() == 1
    assert [each.message["data"]["action_id"] for each in receiver.received] == ["reject"]


def test_what_is_rolled_back_is_not_delivered(alice: User, receiver: Receiver) -> None:
    id = ask(alice)
    with suppress(RuntimeError), transaction.atomic():
        choose(alice, id)
        raise RuntimeError
    assert not WebhookDelivery.objects.exists()


def test_what_was_decided_is_delivered_although_the_user_is_deleted(
    alice: User, deliver: Callable[..., int], receiver: Receiver
) -> None:
    id = ask(alice)
    choose(alice, id)
    alice.delete()
    assert deliver() == 1
    assert receiver.received[0].message["data"]["notification_id"] == id


# -- answers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 202, 204])
def test_a_success_is_the_end(
    alice: User, deliver: Callable[..., int], receiver: Receiver, status: int
) -> None:
    before = counted("webhook_deliveries_total", result="delivered")
    receiver.answers = [(status, {})]
    choose(alice, ask(alice))
    assert (deliver(), deliver(1e6)) == (1, 0)
    assert len(receiver.received) == 1
    assert counted("webhook_deliveries_total", result="delivered") == before + 1


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 408, 429, 500, 503])
def test_other_statuses_are_tried_again(
    alice: User, deliver: Callable[..., int], receiver: Receiver, status: int
) -> None:
    receiver.answers = [(status, {"Location": receiver.url}), (204, {})]
    choose(alice, ask(alice))
    assert deliver() == 0
    assert (row().attempts, row().last_error, waits()) == (1, f"HTTP status {status}", 5)
    assert deliver(4.9) == 0
    assert len(receiver.received) == 1
    assert deliver(5) == 1
    first, second = receiver.received
    assert (first.message_id, first.body) == (second.message_id, second.body)
    assert (second.timestamp - first.timestamp, second.signed_by()) == (5, list(KEYS))
    assert not WebhookDelivery.objects.exists()


def test_a_receiver_that_is_gone_for_good_is_not_asked_again(
    alice: User, deliver: Callable[..., int], receiver: Receiver
) -> None:
    before = counted("webhook_deliveries_total", result="failed")
    receiver.answers = [(410, {})]
    choose(alice, ask(alice))
    assert (deliver(), deliver(1e6)) == (0, 0)
    assert len(receiver.received) == 1
    assert (row().failed_at, row().next_attempt_at) == (NOON, None)
    assert row().last_error == "HTTP status 410"
    assert counted("webhook_deliveries_total", result="failed") == before + 1


@pytest.mark.parametrize(("chance", "factor"), [(0.0, 1.0), (1.0, 1.25)])
def test_the_waits_double_and_end_after_a_day(
    alice: User, receiver: Receiver, chance: float, factor: float
) -> None:
    receiver.answers = [(500, {})]
    choose(alice, ask(alice))
    process, seconds = deliverer(chance), 0.0
    gaps = []
    while row().failed_at is None:
        process.deliver_due(now=after(seconds))
        if row().failed_at is None:
            gaps.append(waits() - seconds)
            seconds = waits()
    assert gaps == pytest.approx([5 * 2**n * factor for n in range(ATTEMPTS - 1)])
    assert len(receiver.received) == row().attempts == ATTEMPTS
    assert 22 < seconds / 3600 < 29
    assert row().failed_at == after(seconds)


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("120", 120),
        ("0", 5),
        (" 7 ", 7),
        ("Tue, 01 Jan 2030 12:10:00 GMT", 600),
        ("Tue, 01 Jan 2030 11:00:00 GMT", 5),
        ("999999999999", 86_400),
        ("-1", 5),
        ("soon", 5),
        ("", 5),
    ],
)
def test_the_receiver_may_ask_for_time(
    alice: User, deliver: Callable[..., int], receiver: Receiver, asked: str, seconds: float
) -> None:
    receiver.answers = [(503, {"Retry-After": asked}), (204, {})]
    choose(alice, ask(alice))
    deliver()
    assert waits() == seconds
    assert deliver(seconds) == 1


@pytest.mark.parametrize(("status", "requests"), [(429, 1), (503, 1), (500, 3)])
def test_a_busy_receiver_gets_no_further_requests(
    alice: User, deliver: Callable[..., int], receiver: Receiver, status: int, requests: int
) -> None:
    receiver.answers = [(status, {"Retry-After": "30"}), (204, {})]
    for _ in range(3):
        choose(alice, ask(alice))
    deliver(batch=1)
    deliver(29.9, batch=1)
    assert len(receiver.received) == requests
    deliver(30, batch=1)
    assert len(receiver.received) == 4
    assert not WebhookDelivery.objects.exists()


def test_an_answer_that_comes_too_late_is_none(alice: User, receiver: Receiver) -> None:
    receiver.gate.clear()
    choose(alice, ask(alice))
    with webhook_settings(receiver.url, ACTION_WEBHOOK_SECONDS=0.2):
        process = deliverer()
    assert process.deliver_due(now=NOON) == 0
    assert (row().attempts, row().last_error) == (1, "no answer within 0.2 s")
    receiver.gate.set()
    assert process.deliver_due(now=after(5)) == 1
    assert len(set(receiver.ids)) == 1
    assert len(receiver.received) == 2


def test_nobody_listens(
    alice: User, deliver: Callable[..., int], receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    before = counted("webhook_faults_total")
    for _ in range(2):
        choose(alice, ask(alice))
    with running_receiver() as gone:
        away = WebhookConfig(gone.url, list(KEYS), 5)
    process = WebhookDeliverer(away, chance=lambda: 0.0)
    with caplog.at_level(logging.WARNING):
        for seconds in (0, 5, 15):
            process.deliver_due(now=after(seconds))
        assert {each.attempts for each in WebhookDelivery.objects.all()} == {3}
        assert "refused" in WebhookDelivery.objects.all()[0].last_error
        process._config = WebhookConfig(receiver.url, list(KEYS), 5)
        process.deliver_due(now=after(35))
    first, last = [record.message for record in caplog.records if "webhook" in record.message]
    assert first.startswith("The webhook of actions fails: RequestFailed: URLError: ")
    assert last == "The webhook of actions works again after 6 failures."
    assert counted("webhook_faults_total") == before + 6
    assert not WebhookDelivery.objects.exists()


def test_one_message_that_is_refused_does_not_keep_the_others(
    alice: User, deliver: Callable[..., int], receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers = [(400, {}), (204, {})]
    for _ in range(3):
        choose(alice, ask(alice))
    assert deliver() == 2
    assert row().last_error == "HTTP status 400"
    assert "webhook" not in caplog.text


def test_what_a_receiver_sends_instead_of_an_answer_can_be_stored_and_logged() -> None:
    assert error_of(RequestFailed("a\x00b\nc\x1b[31m\ud800é" + "x" * 300)) == (
        "abc[31m\\ud800\\xe9" + "x" * 183
    )
    assert error_of(Response(200, {})) is None


# -- at least once -----------------------------------------------------------------------------------------


def test_a_crash_after_the_request_leads_to_a_second_one_with_the_same_id(
    alice: User, deliver: Callable[..., int], receiver: Receiver
) -> None:
    choose(alice, ask(alice))
    killed = deliverer().deliver_in_steps(now=NOON)
    answered = next(killed)
    assert isinstance(answered, Future)
    answered.result()
    del killed
    assert deliver(LEASE.total_seconds() - 0.1) == 0
    assert deliver(LEASE.total_seconds()) == 1
    first, second = receiver.ids
    assert first == second
    assert not WebhookDelivery.objects.exists()


def test_a_process_that_was_too_slow_changes_nothing_of_the_next_attempt(
    alice: User, deliver: Callable[..., int], receiver: Receiver
) -> None:
    receiver.answers = [(500, {}), (500, {}), (204, {})]
    choose(alice, ask(alice))
    slow = deliverer().deliver_in_steps(now=NOON)
    next(slow)
    deliver(45)
    assert (row().attempts, waits()) == (2, 55)
    assert list(slow) == [0]
    assert (row().attempts, waits()) == (2, 55)
    assert deliver(55) == 1


# -- what has failed ---------------------------------------------------------------------------------------


@pytest.fixture
def failed(alice: User, deliver: Callable[..., int], receiver: Receiver) -> WebhookDelivery:
    """A delivery that has failed; the receiver works again."""
    receiver.answers = [(410, {}), (204, {})]
    choose(alice, ask(alice))
    deliver()
    return row()


def test_a_failure_is_delivered_again_with_its_id(
    failed: WebhookDelivery, deliver: Callable[..., int], receiver: Receiver
) -> None:
    assert deliver_again([failed.pk, failed.pk + 1], now=after(60)) == 1
    assert deliver_again([failed.pk], now=after(120)) == 0
    assert (row().attempts, waits()) == (0, 60)
    assert deliver(60) == 1
    assert receiver.ids == [failed.message_id] * 2


def test_failures_are_removed_after_a_month(
    failed: WebhookDelivery, alice: User, deliver: Callable[..., int]
) -> None:
    waiting = WebhookDelivery.objects.create(
        notification_id=1, next_attempt_at=NOON, created_at=NOON
    )
    assert prune_failed_deliveries(now=NOON + timedelta(days=30)) == 0
    assert prune_failed_deliveries(now=NOON + timedelta(days=30, seconds=1)) == 1
    assert row() == waiting


def test_the_command_delivers(
    alice: User, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    sent = services.send(recipient_id=alice.pk, title="x", actions=ACTIONS).notification
    assert sent is not None
    services.perform_action(user_id=alice.pk, notification_id=sent.pk, action_id="approve")
    call_command("prune_events")
    assert "Delivered 1 action.\n" in capsys.readouterr().out
    assert len(receiver.received) == 1


# -- settings ----------------------------------------------------------------------------------------------


def test_there_is_no_webhook_without_an_address() -> None:
    assert WebhookConfig.of(InboxSettings(action_webhook_secrets=list(SECRETS))) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        "secret",
        SECRETS[0].removeprefix("whsec_"),
        "whsec_" + "A" * 28,
        "whsec_" + "A" * 88,
        SECRETS[0] + "!",
        SECRETS[0][:-1],
        "whsec_" + "é" * 40,
    ],
)
def test_what_is_no_secret_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ValueError, match="24 to 64 random bytes") as refused:
        secret_in(text)
    assert len(text) < 8 or text not in str(refused.value)


def test_the_example_of_the_specification_is_signed_as_it_says() -> None:
    """The test vector of the libraries of Standard Webhooks."""
    headers = signed_headers(
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
        secrets=[secret_in("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")],
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("URL", "http://hooks.example/", "must be an https address"),
        ("URL", "https://a:b@hooks.example/", "has a name and a password"),
        ("URL", "hooks.example", "is not an http"),
        ("SECRETS", [], "ACTION_WEBHOOK_SECRETS is empty"),
        ("SECRETS", "whsec_short", "24 to 64 random bytes"),
        ("SECONDS", 0, "ACTION_WEBHOOK_SECONDS"),
        ("SECRET", SECRETS[0], "did you mean ACTION_WEBHOOK_SECRETS"),
    ],
)
def test_wrong_settings_are_found_at_the_start(name: str, value: object, problem: str) -> None:
    changed = {f"ACTION_WEBHOOK_{name}": value}
    with override_settings(DEBUG=False), webhook_settings("https://hooks.example/", **changed):
        (error,) = [message for message in check_settings(None) if message.level >= 40]
    assert problem in error.msg
    assert "whsec_short" not in error.msg
