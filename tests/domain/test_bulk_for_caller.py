"""Sending to many users in the name of a service, with a result for each recipient."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from live_inbox import services
from live_inbox.errors import InvalidInput, RateLimited
from live_inbox.identity.callers import Caller
from live_inbox.models import Notification
from live_inbox.send_policy import SEND_SCOPE
from live_inbox.services import RecipientResult, SendStatus, send_many_for_caller
from tests.changed_settings import changed_settings
from tests.domain.query_counting import queries


@pytest.fixture
def service(alice: User) -> Caller:
    return Caller(alice, scopes=frozenset({SEND_SCOPE}))


def outcome(results: list[RecipientResult]) -> list[tuple[str, str]]:
    return [(result.recipient, result.status.value) for result in results]


def test_each_recipient_has_a_result_in_their_order(
    service: Caller, alice: User, bob: User
) -> None:
    services.set_preference(user_id=alice.pk, type="news", enabled=False)
    names = ["no key", str(bob.pk), "99999999", str(alice.pk)]
    results = send_many_for_caller(service, recipient_ids=names, title="Hi", type="news")
    assert outcome(results) == [
        ("no key", "unknown_recipient"),
        (str(bob.pk), "sent"),
        ("99999999", "unknown_recipient"),
        (str(alice.pk), "suppressed"),
    ]
    (row,) = Notification.objects.all()
    assert (row.recipient_id, row.sender_id, row.title) == (bob.pk, alice.pk, "Hi")
    assert results[1].notification_id == row.pk


def test_a_user_may_send_to_themselves_only(alice: User, bob: User) -> None:
    results = send_many_for_caller(
        Caller(alice), recipient_ids=[str(bob.pk), str(alice.pk)], title="Hi"
    )
    assert outcome(results) == [(str(bob.pk), "forbidden"), (str(alice.pk), "sent")]
    assert Notification.objects.get().recipient_id == alice.pk


def test_who_may_not_send_to_others_does_not_learn_who_exists(alice: User, bob: User) -> None:
    with changed_settings(JWT_USER_FIELD="username"):
        results = send_many_for_caller(
            Caller(alice), recipient_ids=["99999999"], recipient_refs=["bob", "carol"], title="Hi"
        )
    assert {status for _, status in outcome(results)} == {"forbidden"}


def test_recipients_are_found_by_what_tokens_call_them(service: Caller, bob: User) -> None:
    with changed_settings(JWT_USER_FIELD="username"):
        results = send_many_for_caller(service, recipient_refs=["bob", "carol", "bob"], title="Hi")
    assert outcome(results) == [("bob", "sent"), ("carol", "unknown_recipient"), ("bob", "sent")]
    assert Notification.objects.get().recipient_id == bob.pk
    assert not User.objects.filter(username="carol").exists()


def test_a_service_creates_users_where_tokens_do(service: Caller, alice: User) -> None:
    with changed_settings(JWT_USER_FIELD="username", JWT_CREATE_USERS=True):
        results = send_many_for_caller(service, recipient_refs=["carol", "x" * 151], title="Hi")
        again = send_many_for_caller(service, recipient_refs=["carol"], title="Hi")
        other = send_many_for_caller(Caller(alice), recipient_refs=["dave"], title="Hi")
    assert outcome(results) == [("carol", "sent"), ("x" * 151, "unknown_recipient")]
    assert outcome(again) == [("carol", "sent")]
    assert outcome(other) == [("dave", "forbidden")]
    assert not User.objects.filter(username="dave").exists()
    assert User.objects.get(username="carol").live_inbox_notifications.count() == 2


def test_invalid_content_reaches_no_recipient(service: Caller, bob: User) -> None:
    with pytest.raises(InvalidInput) as caught:
        send_many_for_caller(service, recipient_ids=[str(bob.pk)], title=" ")
    assert caught.value.field == "title"
    assert not Notification.objects.exists()


@pytest.mark.parametrize("names", [[], ["1"] * 4])
def test_the_number_of_recipients_is_limited(service: Caller, names: list[str]) -> None:
    with changed_settings(MAX_RECIPIENTS=3), pytest.raises(InvalidInput) as caught:
        send_many_for_caller(service, recipient_ids=names, title="Hi")
    assert caught.value.field == "recipient_ids"


def test_services_have_a_rate_of_their_own_and_each_recipient_counts(
    service: Caller, alice: User, bob: User
) -> None:
    rates = {"SEND_RATE": "1/hour burst 1", "SERVICE_SEND_RATE": "4/hour burst 4"}
    both = [str(alice.pk), str(bob.pk)]
    with changed_settings(**rates):
        for _ in range(2):
            send_many_for_caller(service, recipient_ids=both, title="Hi")
        with pytest.raises(RateLimited):
            send_many_for_caller(service, recipient_ids=both, title="Hi")
        # A user with a burst of one never sends to two, however long they wait.
        with pytest.raises(InvalidInput) as caught:
            send_many_for_caller(Caller(alice), recipient_ids=both, title="Hi")
    assert caught.value.field == "recipient_ids"
    assert Notification.objects.count() == 4


def test_a_thousand_recipients_cost_a_few_statements(service: Caller) -> None:
    User.objects.bulk_create(User(username=f"u{n}") for n in range(1000))
    names = [str(pk) for pk in User.objects.values_list("pk", flat=True)]
    with queries() as statements:
        results = send_many_for_caller(service, recipient_ids=names, title="Hi")
    assert {result.status for result in results} == {SendStatus.SENT}
    assert len(statements) < 40
