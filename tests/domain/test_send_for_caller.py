from __future__ import annotations

import threading
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from limits.storage import MemoryStorage

from live_inbox import services
from live_inbox.conf import InboxSettings
from live_inbox.errors import Forbidden, InvalidInput, RateLimited
from live_inbox.identity.callers import Caller
from live_inbox.identity.errors import AuthenticationFailed
from live_inbox.limits.exchange import Exchange
from live_inbox.limits.storage import GuardedStorage
from live_inbox.models import Notification
from live_inbox.send_policy import SEND_SCOPE
from live_inbox.services import SendStatus, rates, send_many_for_caller
from live_inbox.services.rates import limiter
from live_inbox.services.send_for_caller import send_for_caller
from tests.changed_settings import changed_settings
from tests.delivery.metric_values import counted
from tests.domain.query_counting import queries


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


ONE = "1/hour"


def service_of(user: User) -> Caller:
    return Caller(user, scopes=frozenset({SEND_SCOPE}))


def test_all_senders_together_may_send_only_so_much_to_a_user(alice: User, bob: User) -> None:
    carol = User.objects.create_user("carol")
    before = counted("rate_limited_total", limit="recipient")
    with changed_settings(RECIPIENT_RATE="2/hour"):
        for sender in (alice, bob):
            send_for_caller(service_of(sender), recipient_id=carol.pk, title="x")
        for caller in (service_of(alice), Caller(carol)):
            with pytest.raises(RateLimited) as caught:
                send_for_caller(caller, recipient_id=str(carol.pk), title="x")
            assert 0 < caught.value.retry_after <= 3600
        # Other recipients get theirs, and the code of the project is not limited.
        send_for_caller(service_of(alice), recipient_id=bob.pk, title="x")
        services.send(recipient_id=carol.pk, title="x")
    assert counted("rate_limited_total", limit="recipient") - before == 2
    assert Notification.objects.filter(recipient=carol).count() == 3


def test_who_may_not_send_to_a_user_uses_up_nothing_of_theirs(alice: User, bob: User) -> None:
    with changed_settings(RECIPIENT_RATE=ONE):
        for _ in range(3):
            with pytest.raises(Forbidden):
                send_for_caller(Caller(alice), recipient_id=bob.pk, title="x")
        assert send_for_caller(service_of(alice), recipient_id=bob.pk, title="x").notification


def test_a_users_own_rate_and_that_of_their_service_are_apart(alice: User) -> None:
    with changed_settings(SEND_RATE=ONE, SERVICE_SEND_RATE=ONE):
        for caller in (Caller(alice), service_of(alice)):
            assert send_for_caller(caller, recipient_id=alice.pk, title="x").notification
            with pytest.raises(RateLimited):
                send_for_caller(caller, recipient_id=alice.pk, title="x")


def test_a_bulk_leaves_out_who_is_sent_too_much(alice: User, bob: User) -> None:
    users = [bob, User.objects.create_user("carol"), User.objects.create_user("dave")]
    names = [str(user.pk) for user in users]
    with changed_settings(RECIPIENT_RATE=ONE):
        send_for_caller(service_of(alice), recipient_id=bob.pk, title="first")
        results = send_many_for_caller(service_of(alice), recipient_ids=names, title="second")
    assert [result.status for result in results] == [
        SendStatus.RATE_LIMITED,
        SendStatus.SENT,
        SendStatus.SENT,
    ]
    assert [row.title for row in Notification.objects.filter(recipient=bob)] == ["first"]


def test_other_processes_learn_whom_a_bulk_was_sent_to(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = MemoryStorage()
    exchange = Exchange(GuardedStorage(lambda: storage), site=lambda: "site")
    # The test decides when: no thread.
    exchange._thread = threading.current_thread()
    monkeypatch.setattr(rates, "_exchange", exchange)
    users = [bob, *(User.objects.create_user(f"u{n}") for n in range(29))]
    names = [str(user.pk) for user in users]
    with changed_settings(RECIPIENT_RATE=ONE):
        send_many_for_caller(service_of(alice), recipient_ids=names, title="x")
        exchange.run()
        # Another process: it learns with its first grant.
        limiter.cache_clear()
        send_for_caller(service_of(alice), recipient_id=bob.pk, title="x")
        exchange.run()
        with pytest.raises(RateLimited) as caught:
            send_for_caller(service_of(alice), recipient_id=bob.pk, title="x")
    # One more than the rate has been granted, and that is made up for.
    assert 3600 < caught.value.retry_after <= 7200


def test_a_repeated_call_takes_nothing_from_what_its_recipients_may_be_sent(
    alice: User, bob: User
) -> None:
    service = service_of(alice)
    with changed_settings(RECIPIENT_RATE=ONE):
        first = send_for_caller(service, recipient_id=bob.pk, title="x", idempotency_key="k")
        again = send_for_caller(service, recipient_id=bob.pk, title="x", idempotency_key="k")
        assert again.replayed
        assert again.notification == first.notification
        carol = User.objects.create_user("carol")
        names = [str(carol.pk)]
        results = [
            send_many_for_caller(service, recipient_ids=names, title="x", idempotency_key="k")
            for _ in range(3)
        ]
    assert results == [results[0]] * 3
    assert results[0][0].status is SendStatus.SENT


def test_a_service_with_all_scopes_has_the_rate_of_services(alice: User) -> None:
    caller = Caller(alice, scopes=frozenset({"notifications:admin"}))
    with changed_settings(SEND_RATE=ONE):
        for _ in range(2):
            assert send_for_caller(caller, recipient_id=alice.pk, title="x").notification


def test_what_was_sent_is_answered_again_after_the_permission_is_lost(
    alice: User, bob: User
) -> None:
    permission = Permission.objects.get(codename="send_notification")
    alice.user_permissions.add(permission)
    one: dict[str, Any] = {"recipient_id": bob.pk, "title": "x", "idempotency_key": "k"}
    many = {"recipient_ids": [str(bob.pk)], "title": "x", "idempotency_key": "k"}
    first = send_for_caller(Caller(alice), **one)
    results = send_many_for_caller(Caller(alice), **many)
    alice.user_permissions.remove(permission)
    again = send_for_caller(Caller(alice), **one)
    assert again.replayed
    assert again.notification == first.notification
    assert send_many_for_caller(Caller(alice), **many) == results
    assert results[0].status is SendStatus.SENT
    # Nothing else, and not by a token that may not send at all.
    with pytest.raises(Forbidden):
        send_for_caller(Caller(alice), **one | {"idempotency_key": "another"})
    with pytest.raises(Forbidden):
        send_for_caller(Caller(alice, scopes=frozenset({"notifications:read"})), **one)
    with pytest.raises(Forbidden):
        send_many_for_caller(Caller(alice, scopes=frozenset({"notifications:read"})), **many)
    assert Notification.objects.count() == 2


def test_a_key_costs_one_query(alice: User) -> None:
    def statements(**key: Any) -> int:
        with queries() as found:
            send_for_caller(Caller(alice), recipient_id=alice.pk, title="x", **key)
        return len(found)

    statements()
    assert statements(idempotency_key="k") == statements() + 1


def test_the_record_of_a_bulk_is_read_once(alice: User) -> None:
    names = [str(alice.pk)]
    with queries() as found:
        send_many_for_caller(Caller(alice), recipient_ids=names, title="x", idempotency_key="k")
    assert sum("bulksendchunk" in sql and sql.startswith("SELECT") for sql in found) == 1
