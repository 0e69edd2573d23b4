from __future__ import annotations

import decimal
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from live_inbox import selectors, services
from live_inbox.delivery.position import ORIGIN, Position
from live_inbox.errors import Conflict, InvalidInput
from live_inbox.events import Event, Kind, Person, Snapshot
from live_inbox.models import Inbox, InboxEvent, Notification
from live_inbox.services import Sent, SentMany, bulk_sending
from tests.delivery.metric_values import counted
from tests.domain.conftest import Commit, VerifyEvents
from tests.domain.doorbells import RememberingDoorbell
from tests.domain.query_counting import queries
from tests.domain.replica import Replica, log_of

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def nothing_was_written() -> bool:
    return not (
        Notification.objects.exists() or Inbox.objects.exists() or InboxEvent.objects.exists()
    )


@pytest.fixture
def require(settings: Any) -> Callable[..., None]:
    """Make types required for one test."""

    def require(*types: str) -> None:
        settings.LIVE_INBOX = settings.LIVE_INBOX | {
            "TYPES": {type: {"required": True} for type in types}
        }

    return require


# -- one notification ----------------------------------------------------------------------------------------


def test_a_notification_is_stored_logged_and_rung(
    alice: User, bob: User, verify_events: VerifyEvents
) -> None:
    with verify_events(alice, bob) as bell:
        sent = services.send(
            recipient_id=alice.pk,
            title="Leave approved",
            message="Enjoy",
            type="leave",
            link="/leave/7",
            data={"days": [1, 2.5]},
            sender_id=bob.pk,
            now=NOON,
        )
    notification = sent.notification
    assert notification is not None
    assert sent == Sent(notification, suppressed=False, replayed=False)
    assert Notification.objects.get() == notification
    inbox = Inbox.objects.get()
    snapshot = Snapshot(
        id=notification.pk,
        type="leave",
        title="Leave approved",
        message="Enjoy",
        link="/leave/7",
        data={"days": [1, 2.5]},
        created_at=NOON,
        read_at=None,
        sender=Person(id=str(bob.pk), username="bob", name=""),
    )
    event = Event(
        inbox=str(alice.pk),
        epoch=inbox.epoch,
        sequence=1,
        kind=Kind.ADDED,
        occurred_at=NOON,
        unread_count=1,
        total_count=1,
        unseen_count=1,
        notification=snapshot,
        notification_id=notification.pk,
        fingerprint=inbox.fingerprint,
    )
    assert bell.events(alice.pk) == log_of(alice.pk) == [event]
    assert bell.events(bob.pk) == []
    stored = Notification.objects.get()
    assert (stored.recipient_id, stored.sender_id) == (alice.pk, bob.pk)
    assert (stored.added_sequence, stored.idempotency_key, stored.read) == (1, None, False)


def test_a_notification_needs_a_recipient_and_a_title_only(
    alice: User, verify_events: VerifyEvents
) -> None:
    with verify_events(alice):
        services.send(recipient_id=alice.pk, title="Hello")
    stored = Notification.objects.get()
    assert (stored.type, stored.message, stored.link, stored.data) == ("general", "", "", {})
    assert stored.sender is None
    assert abs(stored.created_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_the_events_of_an_inbox_are_numbered_from_one_in_one_epoch(
    alice: User, verify_events: VerifyEvents
) -> None:
    with verify_events(alice):
        for n in range(5):
            services.send(recipient_id=alice.pk, title=f"n{n}")
    events = log_of(alice.pk)
    assert [event.sequence for event in events] == [1, 2, 3, 4, 5]
    assert len({event.epoch for event in events}) == 1
    assert [(event.unread_count, event.total_count) for event in events] == [
        (n, n) for n in range(1, 6)
    ]


def test_every_inbox_has_an_epoch_of_its_own(alice: User, bob: User) -> None:
    services.send_many(recipient_ids=[alice.pk, bob.pk], title="x")
    one, other = Inbox.objects.all()
    assert one.epoch != other.epoch
    assert Position.parse(str(one.position)) == one.position
    assert one.position == Position(one.epoch, 1, one.fingerprint)


@pytest.mark.parametrize("form", [int, str])
def test_a_recipient_is_named_by_key_or_its_text(alice: User, form: type) -> None:
    assert services.send(recipient_id=form(alice.pk), title="x").notification is not None


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        "",
        "x",
        "1.0",
        "1e3",
        [],
        {},
        b"1",
        float("nan"),
        float("inf"),
        2**63,
        2**64,
        -(2**63),
        10**400,
        "9" * 5000,
        -1,
        0,
        uuid.UUID(int=1),
        "\x00",
    ],
)
@pytest.mark.parametrize("field", ["recipient_id", "sender_id"])
def test_who_does_not_exist_neither_gets_nor_sends(alice: User, field: str, wrong: object) -> None:
    if wrong is None and field == "sender_id":
        return
    users: dict[str, Any] = {"recipient_id": alice.pk, field: wrong}
    with pytest.raises(InvalidInput, match=r"^There is no such user\.$") as caught:
        services.send(title="x", **users)
    assert caught.value.field == field
    assert nothing_was_written()


@pytest.mark.parametrize(
    "looks_like", ["{}.9", "0{}", "+{}", " {}", "{} ", "{}\n", "1_{}"], ids=lambda form: repr(form)
)
def test_a_text_that_only_looks_like_a_key_is_an_unknown_user(alice: User, looks_like: str) -> None:
    User.objects.create_user("mallory", id=int(f"1{alice.pk}"))
    with pytest.raises(InvalidInput):
        services.send(recipient_id=looks_like.format(alice.pk), title="x")


def test_a_number_that_is_no_integer_is_an_unknown_user(alice: User) -> None:
    User.objects.update(id=1)
    for number in (1.0, 1.9, True, decimal.Decimal("1.5")):
        with pytest.raises(InvalidInput):
            services.send(recipient_id=number, title="x")
    assert nothing_was_written()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", ""),
        ("title", None),
        ("message", "x" * 4001),
        ("type", "no slug"),
        ("link", "javascript:alert(1)"),
        ("data", []),
        ("idempotency_key", " "),
    ],
)
def test_unacceptable_content_changes_nothing(
    alice: User, verify_events: VerifyEvents, field: str, value: object
) -> None:
    content: dict[str, Any] = {"title": "x", field: value}
    with verify_events(alice) as bell, pytest.raises(InvalidInput) as caught:
        services.send(recipient_id=alice.pk, **content)
    assert caught.value.field == field
    assert nothing_was_written()
    assert bell.rings == []


def test_a_send_costs_a_fixed_number_of_statements(alice: User, bob: User) -> None:
    def cost(**options: Any) -> int:
        with queries() as statements:
            services.send(recipient_id=alice.pk, title="x", **options)
        return len(statements)

    # The users, the inbox, the notification, the event; the key.
    assert cost() == 4
    assert cost(sender_id=bob.pk) == 4
    assert cost(sender_id=bob.pk, idempotency_key="a") == 5
    assert cost(sender_id=bob.pk, idempotency_key="a") == 1
    services.send_many(recipient_ids=[alice.pk] * 3 + [bob.pk], title="x")
    for n in range(20):
        services.send(recipient_id=alice.pk, title=f"n{n}")
    assert cost(sender_id=bob.pk) == 4


def test_what_is_sent_is_counted(alice: User, committed: Commit) -> None:
    before = counted("events_committed_total", kind="added")
    with committed():
        services.send(recipient_id=alice.pk, title="x")
    assert counted("events_committed_total", kind="added") - before == 1


# -- rollbacks and doorbells ---------------------------------------------------------------------------------


class Undone(Exception):
    """Ends a transaction."""


def test_what_is_rolled_back_is_not_rung_and_leaves_no_hole(
    alice: User, verify_events: VerifyEvents
) -> None:
    with verify_events(alice) as bell:
        services.send(recipient_id=alice.pk, title="first")
        with pytest.raises(Undone), transaction.atomic():
            services.send(recipient_id=alice.pk, title="undone")
            raise Undone
        services.send(recipient_id=alice.pk, title="second")
    events = bell.events(alice.pk)
    assert [
        (event.sequence, event.notification.title) for event in events if event.notification
    ] == [
        (1, "first"),
        (2, "second"),
    ]


def test_a_first_send_that_is_rolled_back_leaves_no_inbox(
    alice: User, verify_events: VerifyEvents
) -> None:
    with verify_events(alice) as bell, pytest.raises(Undone), transaction.atomic():
        services.send(recipient_id=alice.pk, title="undone")
        raise Undone
    assert nothing_was_written()
    assert bell.rings == []


@pytest.mark.django_db(transaction=True)
def test_nothing_is_rung_before_the_commit(alice: User, bell: RememberingDoorbell) -> None:
    with transaction.atomic():
        services.send(recipient_id=alice.pk, title="x")
        assert bell.rings == []
    assert [event.sequence for event in bell.events(alice.pk)] == [1]


@pytest.mark.django_db(transaction=True)
def test_a_broken_doorbell_does_not_fail_a_send(
    alice: User, bell: RememberingDoorbell, caplog: pytest.LogCaptureFixture
) -> None:
    bell.broken = True
    sent = services.send(recipient_id=alice.pk, title="x")
    assert sent.notification == Notification.objects.get()
    assert "the doorbell is broken" in caplog.text


# -- idempotency ---------------------------------------------------------------------------------------------


def test_a_key_that_was_seen_returns_the_first_result(
    alice: User, bob: User, verify_events: VerifyEvents
) -> None:
    content: dict[str, Any] = {
        "recipient_id": alice.pk,
        "sender_id": bob.pk,
        "title": "x",
        "message": "m",
        "type": "t",
        "link": "/l",
        "data": {"a": [1, 2.5, None, {"b": "☀"}], "c": -0.0, "d": 1.0},
        "idempotency_key": "k1",
    }
    with verify_events(alice):
        first = services.send(**content, now=NOON)
    with verify_events(alice) as bell:
        again = services.send(**content)
    assert again == Sent(first.notification, suppressed=False, replayed=True)
    assert again.notification is not None
    assert again.notification.created_at == NOON
    assert bell.rings == []
    assert Notification.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", "y"),
        ("message", "y"),
        ("type", "y"),
        ("link", "/y"),
        ("data", {"a": 2}),
        ("data", None),
        ("recipient_id", "bob"),
    ],
)
def test_a_key_that_was_used_for_something_else_is_a_conflict(
    alice: User, bob: User, verify_events: VerifyEvents, field: str, value: Any
) -> None:
    content: dict[str, Any] = {
        "recipient_id": alice.pk,
        "title": "x",
        "data": {"a": 1},
        "idempotency_key": "k1",
    }
    services.send(**content)
    content[field] = bob.pk if value == "bob" else value
    with verify_events(alice, bob) as bell, pytest.raises(Conflict) as caught:
        services.send(**content)
    assert caught.value.code == "CONFLICT"
    assert bell.rings == []
    assert Notification.objects.count() == 1


def test_a_key_belongs_to_its_sender(alice: User, bob: User) -> None:
    senders = [None, alice.pk, bob.pk]
    sent = [
        services.send(recipient_id=alice.pk, title="x", sender_id=sender, idempotency_key="k1")
        for sender in senders
    ]
    assert [each.replayed for each in sent] == [False, False, False]
    assert len({each.notification.pk for each in sent if each.notification}) == 3
    for sender in senders:
        again = services.send(
            recipient_id=alice.pk, title="x", sender_id=sender, idempotency_key="k1"
        )
        assert again.replayed


def test_without_a_key_the_same_can_be_sent_again(alice: User) -> None:
    for _ in range(2):
        assert not services.send(recipient_id=alice.pk, title="x").replayed
    assert Notification.objects.count() == 2


def test_a_key_that_was_seen_returns_the_first_result_after_its_expiry(alice: User) -> None:
    content: dict[str, Any] = {
        "recipient_id": alice.pk,
        "title": "x",
        "idempotency_key": "k",
        "expires_at": NOON + timedelta(minutes=5),
    }
    later = NOON + timedelta(minutes=6)
    first = services.send(**content, now=NOON)
    again = services.send(**content, now=later)
    assert again == Sent(first.notification, suppressed=False, replayed=True)
    for key in (None, "another"):
        with pytest.raises(InvalidInput) as caught:
            services.send(**content | {"idempotency_key": key}, now=later)
        assert caught.value.field == "expires_at"
    assert Notification.objects.count() == 1


def test_a_bulk_that_is_complete_has_its_first_result_after_its_expiry(
    alice: User, bob: User
) -> None:
    content: dict[str, Any] = {
        "title": "x",
        "idempotency_key": "k",
        "expires_at": NOON + timedelta(minutes=5),
    }
    later = NOON + timedelta(minutes=6)
    first = services.send_many(recipient_ids=[alice.pk], **content, now=NOON)
    assert (first.sent, first.replayed) == (1, 0)
    services.delete(user_id=alice.pk, notification_id=first.notification_ids[alice.pk])
    again = services.send_many(recipient_ids=[alice.pk], **content, now=later)
    assert (again.sent, again.replayed) == (0, 1)
    assert again.notification_ids == first.notification_ids
    # Nobody gets what has expired.
    for recipients, key in (([alice.pk, bob.pk], "k"), ([alice.pk], "another"), ([], "k2")):
        with pytest.raises(InvalidInput) as caught:
            services.send_many(
                recipient_ids=recipients, **content | {"idempotency_key": key}, now=later
            )
        assert caught.value.field == "expires_at"
    assert not Notification.objects.exists()


def test_a_replay_shows_the_notification_as_it_is_by_now(alice: User) -> None:
    content: dict[str, Any] = {"recipient_id": alice.pk, "title": "x", "idempotency_key": "k"}
    sent = services.send(**content)
    assert sent.notification is not None
    services.mark_read(user_id=alice.pk, notification_id=sent.notification.pk)
    again = services.send(**content)
    assert again.notification is not None
    assert again.notification.read


# -- preferences ---------------------------------------------------------------------------------------------


def test_a_type_that_was_turned_off_is_not_delivered(
    alice: User, verify_events: VerifyEvents
) -> None:
    services.set_preference(user_id=alice.pk, type="news", enabled=False)
    with verify_events(alice) as bell:
        sent = services.send(recipient_id=alice.pk, title="x", type="news")
    assert sent == Sent(notification=None, suppressed=True, replayed=False)
    assert bell.rings == []
    assert nothing_was_written()
    assert services.send(recipient_id=alice.pk, title="x", type="other").notification is not None


def test_a_preference_is_of_one_user_and_one_type_and_can_be_turned_on_again(
    alice: User, bob: User
) -> None:
    services.set_preference(user_id=alice.pk, type="news", enabled=False)
    assert not services.send(recipient_id=bob.pk, title="x", type="news").suppressed
    services.set_preference(user_id=alice.pk, type="news", enabled=True)
    assert not services.send(recipient_id=alice.pk, title="x", type="news").suppressed


def test_a_required_type_is_delivered_whatever_was_said_before_it_was_required(
    alice: User, require: Callable[..., None]
) -> None:
    services.set_preference(user_id=alice.pk, type="alarm", enabled=False)
    require("alarm")
    assert services.send(recipient_id=alice.pk, title="x", type="alarm").notification is not None
    sent = services.send_many(recipient_ids=[alice.pk], title="x", type="alarm")
    assert sent == SentMany(sent=1, suppressed=0)


# -- approvals -----------------------------------------------------------------------------------------------


def test_an_approval_says_which_form_and_item_and_the_decision(
    alice: User, verify_events: VerifyEvents
) -> None:
    with verify_events(alice):
        sent = services.send_approval(
            recipient_id=alice.pk,
            title="Leave",
            message="Approved",
            form_type="leave",
            item_id=7,
            approved=True,
            link="/leave/7",
            data={"by": "bob", "approved": "no"},
        )
    assert sent.notification is not None
    assert sent.notification.type == "approval"
    assert sent.notification.link == "/leave/7"
    assert sent.notification.data == {
        "by": "bob",
        "form_type": "leave",
        "item_id": 7,
        "approved": True,
    }


@pytest.mark.parametrize(
    ("item_id", "carried"),
    [
        (None, None),
        (7, 7),
        ("a-7", "a-7"),
        (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (decimal.Decimal("7.5"), "7.5"),
    ],
)
def test_an_item_can_have_any_key(alice: User, item_id: object, carried: object) -> None:
    sent = services.send_approval(
        recipient_id=alice.pk,
        title="t",
        message="m",
        form_type="f",
        item_id=item_id,
        approved=False,
    )
    assert sent.notification is not None
    assert sent.notification.data["item_id"] == carried


@pytest.mark.parametrize(
    ("approved", "title", "message"),
    [
        (True, "Details Approved", "Your details have been approved"),
        (False, "Details Rejected", "Your details have been rejected"),
    ],
)
def test_an_approval_of_a_users_details(
    alice: User, verify_events: VerifyEvents, approved: bool, title: str, message: str
) -> None:
    with verify_events(alice):
        sent = services.send_user_detail_approval(recipient_id=alice.pk, approved=approved)
    notification = sent.notification
    assert notification is not None
    assert (notification.title, notification.message) == (title, message)
    assert (notification.type, notification.link) == ("approval", "")
    assert notification.data == {
        "form_type": "userdetail",
        "item_id": alice.pk,
        "approved": approved,
    }


def test_an_approval_of_a_users_details_can_say_it_differently(alice: User, bob: User) -> None:
    content: dict[str, Any] = {
        "recipient_id": alice.pk,
        "approved": True,
        "item_id": 9,
        "title": "T",
        "message": "",
        "link": "/d",
        "sender_id": bob.pk,
        "idempotency_key": "k",
        "now": NOON,
    }
    notification = services.send_user_detail_approval(**content).notification
    assert notification is not None
    assert (notification.title, notification.message, notification.link) == ("T", "", "/d")
    assert (notification.data["item_id"], notification.sender_id) == (9, bob.pk)
    assert notification.created_at == NOON
    assert services.send_user_detail_approval(**content).replayed


# -- many ----------------------------------------------------------------------------------------------------


def test_a_bulk_reaches_each_recipient_once(
    alice: User, bob: User, verify_events: VerifyEvents
) -> None:
    with verify_events(alice, bob) as bell:
        sent = services.send_many(
            recipient_ids=iter([bob.pk, str(alice.pk), bob.pk, alice.pk]),
            title="x",
            message="m",
            type="t",
            link="/l",
            data={"a": 1},
            sender_id=bob.pk,
            now=NOON,
        )
    assert sent == SentMany(sent=2, suppressed=0)
    rows = Notification.objects.order_by("recipient").values_list(
        "recipient", "sender", "title", "message", "type", "link", "data", "created_at"
    )
    assert list(rows) == [
        (user.pk, bob.pk, "x", "m", "t", "/l", {"a": 1}, NOON) for user in (alice, bob)
    ]
    assert len(bell.rings) == 1


def test_a_bulk_passes_over_those_who_do_not_want_it(
    alice: User, bob: User, verify_events: VerifyEvents
) -> None:
    services.set_preference(user_id=alice.pk, type="news", enabled=False)
    with verify_events(alice, bob):
        sent = services.send_many(recipient_ids=[alice.pk, bob.pk], title="x", type="news")
    assert sent == SentMany(sent=1, suppressed=1)
    assert [each.recipient_id for each in Notification.objects.all()] == [bob.pk]


def test_a_bulk_to_no_recipients_does_nothing(alice: User, verify_events: VerifyEvents) -> None:
    with verify_events(alice) as bell:
        assert services.send_many(recipient_ids=[], title="x") == SentMany(0, 0)
    assert bell.rings == []


@pytest.mark.parametrize("wrong", ["x", None, 1.5, 10**30, -1])
def test_a_bulk_with_an_unknown_recipient_reaches_no_user(
    alice: User, verify_events: VerifyEvents, wrong: object
) -> None:
    with verify_events(alice) as bell, pytest.raises(InvalidInput) as caught:
        services.send_many(recipient_ids=[alice.pk, wrong], title="x")
    assert caught.value.field == "recipient_ids"
    assert nothing_was_written()
    assert bell.rings == []


def test_a_bulk_from_an_unknown_sender_reaches_no_user(alice: User) -> None:
    with pytest.raises(InvalidInput) as caught:
        services.send_many(recipient_ids=[alice.pk], title="x", sender_id=10**9)
    assert caught.value.field == "sender_id"
    assert nothing_was_written()


def test_a_bulk_goes_in_chunks_of_a_fixed_number_of_statements(
    alice: User, verify_events: VerifyEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = [
        user.pk for user in User.objects.bulk_create(User(username=f"u{n}") for n in range(45))
    ]
    monkeypatch.setattr(bulk_sending, "SEND_CHUNK", 20)

    def cost(recipients: list[int]) -> int:
        with queries() as statements:
            services.send_many(recipient_ids=recipients, title="x")
        return len(statements)

    # For each chunk: how many exist; the inboxes of who wants it, the notifications, the events.
    assert cost(users[:1]) == cost(users[:20]) == 4
    assert cost(users[:21]) == cost(users[:40]) == 8
    with verify_events(alice) as bell:
        services.send_many(recipient_ids=[*users, alice.pk], title="x")
    assert [len(rung) for rung in bell.rings] == [20, 20, 6]
    assert Inbox.objects.filter(total_count=3).count() >= 1
    for user in (users[0], users[44], alice.pk):
        replica = Replica(ORIGIN, 0, 0, 0, {})
        replica.apply_all(log_of(user))
        assert replica == Replica.read(user)


def test_a_full_chunk_fits_into_the_statements_of_every_database(
    alice: User, verify_events: VerifyEvents
) -> None:
    users = User.objects.bulk_create(
        User(username=f"u{n}") for n in range(bulk_sending.SEND_CHUNK - 1)
    )
    recipients = [alice.pk, *(user.pk for user in users)]
    with queries() as statements, verify_events(alice):
        sent = services.send_many(recipient_ids=recipients, title="x")
    assert sent == SentMany(sent=500, suppressed=0)
    assert Inbox.objects.filter(last_sequence=1, unread_count=1, total_count=1).count() == 500
    assert InboxEvent.objects.count() == Notification.objects.count() == 500
    writes = [each for each in statements if each.startswith("INSERT")]
    assert len(writes) == 3
    assert selectors.inbox_state(user_id=users[-1].pk).unread_count == 1


@pytest.mark.django_db
def test_what_is_moved_here_keeps_its_old_time_while_its_event_is_of_now() -> None:
    user = User.objects.create_user(username="mover")
    long_ago = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    sent = services.send(recipient_id=user.pk, title="old", created_at=long_ago, now=now)
    assert sent.notification is not None
    assert sent.notification.created_at == long_ago
    event = InboxEvent.objects.get(inbox=user.pk)
    assert event.created_at == now
    assert event.payload["notification"]["created_at"] == "2020-01-02T03:04:05Z"
