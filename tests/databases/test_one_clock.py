"""A server whose clock is wrong: the database's counts, for everything that is stored or compared."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

import live_inbox
from live_inbox import clock as clocks
from live_inbox import database
from live_inbox.clock import DatabaseClock
from live_inbox.identity.admissions import AccessEnd, Admissions
from live_inbox.identity.callers import authenticate_synchronously, caller_for_session
from live_inbox.identity.errors import AuthenticationFailed
from live_inbox.identity.issuing import issue_token
from live_inbox.identity.revocation import revoke_tokens
from live_inbox.maintenance.expiry import expire_due
from live_inbox.maintenance.pruning import prune_events
from live_inbox.models import InboxEvent, Notification

pytestmark = [
    pytest.mark.stack("production"),
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("bell"),
]

true_time, true_now = time.time, timezone.now


@pytest.fixture
def alice(transactional_db: None) -> User:
    return User.objects.create_user("alice")


@pytest.fixture(params=[40 * 86_400, 3600, -3600])
def offset(
    request: pytest.FixtureRequest, alice: User, monkeypatch: pytest.MonkeyPatch
) -> timedelta:
    """By how much the clock of this process is wrong. It has been compared with the database's."""
    wrong = timedelta(seconds=request.param)
    monkeypatch.setattr(time, "time", lambda: true_time() + wrong.total_seconds())
    monkeypatch.setattr(timezone, "now", lambda: true_now() + wrong)
    monkeypatch.setattr(clocks.clock, "_last", None)
    database.now()
    return wrong


def is_now(moment: datetime) -> bool:
    return abs(moment - datetime.fromtimestamp(true_time(), UTC)) < timedelta(minutes=5)


def test_what_is_stored_has_the_databases_time(offset: timedelta, alice: User) -> None:
    sent = live_inbox.send(recipient=alice, title="x").notification
    assert sent is not None
    assert is_now(sent.created_at)
    marked = live_inbox.mark_read(user=alice, notification_id=sent).notification
    assert marked.read_at is not None
    assert is_now(marked.read_at)
    live_inbox.mark_unread(user=alice, notification_id=sent)
    live_inbox.mark_all_read(user=alice)
    live_inbox.send_many(recipients=[alice], title="y")
    live_inbox.delete(user=alice, notification_id=sent)
    assert all(is_now(row.created_at) for row in Notification.objects.all())
    moments = list(InboxEvent.objects.order_by("sequence").values_list("created_at", flat=True))
    assert len(moments) == 6
    assert all(is_now(moment) for moment in moments)
    assert moments == sorted(moments)


def test_nothing_expires_early_or_is_kept(offset: timedelta, alice: User) -> None:
    now = datetime.fromtimestamp(true_time(), UTC)
    live_inbox.send(recipient=alice, title="later", expires_at=now + timedelta(minutes=30))
    live_inbox.send(recipient=alice, title="due", expires_at=now + timedelta(minutes=30))
    Notification.unguarded.filter(title="due").update(expires_at=now - timedelta(minutes=1))
    assert expire_due().notifications == 1
    assert [row.title for row in Notification.objects.all()] == ["later"]
    assert is_now(InboxEvent.objects.get(kind="expired").created_at)


def test_nothing_is_pruned_early(offset: timedelta, alice: User) -> None:
    live_inbox.send(recipient=alice, title="x")
    assert prune_events().events == 0


def test_tokens_and_revocations(offset: timedelta, alice: User) -> None:
    token = issue_token(alice, ttl_seconds=60, now=true_time())
    assert authenticate_synchronously(token).user == alice
    assert authenticate_synchronously(issue_token(alice, ttl_seconds=60)).user == alice
    # Of another user: a token that is issued at the same moment may count as older.
    assert is_now(revoke_tokens(user_id=User.objects.create_user("bob").pk))
    earlier = datetime.fromtimestamp(true_time() - 2, UTC)
    assert revoke_tokens(user_id=alice.pk, now=earlier) == earlier
    assert authenticate_synchronously(issue_token(alice, ttl_seconds=60)).user == alice
    old = issue_token(alice, ttl_seconds=60, now=true_time() - 10)
    with pytest.raises(AuthenticationFailed, match="revoked"):
        authenticate_synchronously(old)


def test_a_session_that_comes_after_a_revocation_stays(offset: timedelta, alice: User) -> None:
    not_before = revoke_tokens(user_id=alice.pk)
    ends: list[AccessEnd] = []

    async def unread(users: object) -> dict[str, object]:
        raise NotImplementedError

    admissions = Admissions(unread, clock=clocks.clock.time)  # type: ignore[arg-type]
    admission = admissions.register(caller_for_session(alice), ends.append)
    assert admission.issued_at is not None
    assert admission.issued_at > not_before.timestamp() - 2
    assert admission.issued_at < not_before.timestamp() + 300


def test_the_offset_is_known(offset: timedelta) -> None:
    assert isinstance(clocks.clock, DatabaseClock)
    assert clocks.clock.offset == pytest.approx(offset.total_seconds(), abs=60)
