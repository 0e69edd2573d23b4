from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Permission, User

from live_inbox.conf import InboxSettings
from live_inbox.errors import Forbidden, InvalidInput, RateLimited
from live_inbox.identity.callers import Caller
from live_inbox.identity.errors import AuthenticationFailed
from live_inbox.models import Notification
from live_inbox.send_policy import SEND_SCOPE
from live_inbox.services.send_for_caller import send_for_caller
from live_inbox.services.send_rate import _limiter
from tests.delivery.metric_values import counted


@pytest.fixture(autouse=True)
def _own_limits() -> Iterator[None]:
    _limiter.cache_clear()
    yield
    _limiter.cache_clear()


def test_a_caller_sends_in_their_own_name(alice: User) -> None:
    sent = send_for_caller(Caller(alice), recipient_id=alice.pk, title="note to self", type="note")
    assert sent.notification is not None
    assert (sent.notification.sender, sent.notification.type) == (alice, "note")


def test_what_is_sent_to_others_is_in_the_callers_name(alice: User, bob: User) -> None:
    caller = Caller(alice, scopes=frozenset({SEND_SCOPE}))
    sent = send_for_caller(caller, recipient_id=bob.pk, title="hello").notification
    assert sent is not None
    stored = Notification.objects.get(pk=sent.pk)
    assert (stored.sender, stored.recipient) == (alice, bob)


def test_who_may_not_send_to_others_sends_nothing(alice: User, bob: User) -> None:
    for recipient in (bob.pk, str(bob.pk), 10**9, "nobody"):
        with pytest.raises(Forbidden):
            send_for_caller(Caller(alice), recipient_id=recipient, title="x")
    assert not Notification.objects.exists()


def test_a_scope_lets_send_to_others(alice: User, bob: User) -> None:
    caller = Caller(alice, scopes=frozenset({SEND_SCOPE}))
    assert send_for_caller(caller, recipient_id=str(bob.pk), title="x").notification is not None
    with pytest.raises(InvalidInput):
        send_for_caller(caller, recipient_id=10**9, title="x")


def test_what_a_caller_may_is_read_anew(alice: User, bob: User) -> None:
    caller = Caller(User.objects.get(pk=alice.pk))
    permission = Permission.objects.get(codename="send_notification")
    alice.user_permissions.add(permission)
    assert send_for_caller(caller, recipient_id=bob.pk, title="x").notification is not None
    alice.user_permissions.remove(permission)
    with pytest.raises(Forbidden):
        send_for_caller(caller, recipient_id=bob.pk, title="x")
    User.objects.filter(pk=alice.pk).update(is_active=False)
    with pytest.raises(AuthenticationFailed):
        send_for_caller(caller, recipient_id=alice.pk, title="x")


def test_who_sends_too_fast_learns_when_to_go_on(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = InboxSettings(send_rate="1/minute burst 2")
    monkeypatch.setattr("live_inbox.services.send_rate.inbox_settings", lambda: settings)
    before = counted("rate_limited_total", limit="send")
    for _ in range(2):
        send_for_caller(Caller(alice), recipient_id=alice.pk, title="x")
    with pytest.raises(RateLimited) as caught:
        send_for_caller(Caller(alice), recipient_id=alice.pk, title="x")
    assert 0 < caught.value.retry_after <= 60
    assert Notification.objects.count() == 2
    assert counted("rate_limited_total", limit="send") - before == 1
    # Others are not held up.
    assert send_for_caller(Caller(bob), recipient_id=bob.pk, title="x").notification is not None
