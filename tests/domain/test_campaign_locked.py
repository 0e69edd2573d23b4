"""Campaigns and inboxes that are locked by others: the others come first, and nobody waits meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection

import live_inbox
from live_inbox.bulk_states import BulkState
from live_inbox.maintenance.campaigns import run_due_campaigns
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.models import BulkSend, Notification
from live_inbox.services import campaign_running

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("bell"),
    pytest.mark.stack("production"),
]


@pytest.fixture
def users(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> list[User]:
    """Users of three steps, each with an inbox."""
    monkeypatch.setattr(campaign_running, "STEP_RECIPIENTS", 4)
    users = User.objects.bulk_create(User(username=f"u{n}") for n in range(10))
    live_inbox.send_many(recipients=users, title="first")
    return users


@contextmanager
def locked(table: str, column: str, *keys: int) -> Iterator[None]:
    """Hold the locks of these rows in another session."""
    with psycopg.connect(**connection.get_connection_params()) as session:
        session.execute(
            f"SELECT 1 FROM {table} WHERE {column} = ANY(%s) FOR UPDATE",
            [list(keys)],
        )
        yield


def received() -> set[int]:
    return set(Notification.objects.filter(title="x").values_list("recipient", flat=True))


def test_those_who_are_locked_come_last(users: list[User]) -> None:
    campaign = live_inbox.start_campaign(everybody=True, title="x")
    held = {users[1].pk, users[6].pk}
    others = {user.pk for user in users} - held
    with locked("live_inbox_inbox", "user_id", *held):
        run_due_campaigns()
        assert received() == others
        assert live_inbox.campaign(campaign.id).state is BulkState.RUNNING
        # Nothing is done as long as nothing can be done.
        assert run_due_campaigns() == 0
    run_due_campaigns()
    done = live_inbox.campaign(campaign.id)
    assert (done.state, done.sent, done.total) == (BulkState.DONE, 10, 10)
    assert received() == others | held


def test_who_is_deleted_while_they_are_left_counts_as_failed(users: list[User]) -> None:
    campaign = live_inbox.start_campaign(everybody=True, title="x")
    with locked("live_inbox_inbox", "user_id", users[1].pk):
        run_due_campaigns()
    users[1].delete()
    run_due_campaigns()
    done = live_inbox.campaign(campaign.id)
    assert (done.state, done.sent, done.failed) == (BulkState.DONE, 9, 1)


def test_with_too_many_left_it_looks_after_them_first(
    users: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaign_running, "MAX_LEFT", 2)
    live_inbox.start_campaign(everybody=True, title="x")
    with locked("live_inbox_inbox", "user_id", *(user.pk for user in users)):
        run_due_campaigns()
        assert received() == set()
        assert BulkSend.objects.get().last_recipient == str(users[3].pk)
    run_due_campaigns()
    assert received() == {user.pk for user in users}


def test_run_campaign_waits_as_long_as_the_database_lets_it(
    users: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaign_running, "LOCKED_PAUSES", ())
    campaign = live_inbox.start_campaign(everybody=True, title="x")
    connection.cursor().execute("SET lock_timeout = 50")
    with locked("live_inbox_inbox", "user_id", users[1].pk), pytest.raises(OperationalError):
        live_inbox.run_campaign(campaign.id)
    connection.cursor().execute("RESET lock_timeout")
    assert len(received()) == 9
    assert live_inbox.run_campaign(campaign.id).sent == 10


def test_a_step_of_another_process_is_left_alone(users: list[User]) -> None:
    campaign = live_inbox.start_campaign(everybody=True, title="x")
    with locked("live_inbox_bulksend", "id", campaign.id):
        assert run_due_campaigns() == 0
    assert run_due_campaigns() == 3


def test_a_recall_leaves_locked_inboxes_for_later(users: list[User]) -> None:
    campaign = live_inbox.start_campaign(everybody=True, title="x")
    live_inbox.run_campaign(campaign.id)
    live_inbox.recall_campaign(campaign.id)
    with locked("live_inbox_inbox", "user_id", users[1].pk):
        run_due_campaigns()
        assert users[1].pk in received()
        assert not received() & {user.pk for user in users[:1] + users[2:4]}
        assert live_inbox.campaign(campaign.id).state is BulkState.RECALLING
    run_due_campaigns()
    recalled = live_inbox.campaign(campaign.id)
    assert (recalled.state, recalled.recalled) == (BulkState.RECALLED, 10)
    assert received() == set()
    assert list(check_inboxes()) == []
