"""Campaigns whose processes are killed at any moment and statement: nobody is left out or served twice."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from django.contrib.auth.models import User
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import live_inbox
from live_inbox import services
from live_inbox.bulk_states import BulkState
from live_inbox.maintenance.campaigns import run_due_campaigns
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.models import BulkSendChunk, InboxEvent, Notification
from live_inbox.services import campaign_running
from tests.domain.crashing import crash_at, crash_at_each_step
from tests.domain.killing import kill_after, started
from tests.stacks.stack import Stack

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("bell")]

RUNNER = ["tests.domain.campaign_runner"]
"""A process that carries out campaigns."""

USERS = 5


def outcomes(campaign: live_inbox.Campaign) -> dict[int, int | None]:
    """What is recorded of each user; nobody twice."""
    rows = BulkSendChunk.objects.filter(bulk_send=campaign.id)
    pairs = [pair for row in rows for pair in json.loads(row.outcomes)]
    found = dict(pairs)
    assert len(found) == len(pairs)
    return found


def check(campaign: live_inbox.Campaign, keys: list[int]) -> dict[int, int | None]:
    """Compare the record with the logs: who got it, by the record, got it once, and nobody else did."""
    recorded = outcomes(campaign)
    events = InboxEvent.objects.filter(kind="added", inbox__in=keys)
    times = Counter(events.values_list("inbox", flat=True))
    assert times == {key: 1 for key in keys if recorded.get(key) is not None}
    return recorded


def finish(campaign: live_inbox.Campaign) -> None:
    """Do the rest. PostgreSQL may hold the locks of a connection that was closed for a moment longer."""
    services.run_campaign(campaign_id=campaign.id)


class _Campaign:
    """A campaign to new users, and those who have been removed since."""

    def __init__(self) -> None:
        self.name = f"t{User.objects.count()}"
        users = [User.objects.create(username=f"{self.name}-{n}") for n in range(USERS)]
        self.keys = [user.pk for user in users]
        for user in users:
            live_inbox.subscribe(user=user, topic=self.name)
        self.campaign = live_inbox.start_campaign(topic=self.name, title="x")

    def change(self, what: str, number: int) -> None:
        key = self.keys[number % len(self.keys)]
        if what == "delete":
            for notification in Notification.objects.filter(recipient=key):
                notification.delete()
        elif what == "remove user" and len(self.keys) > 1:
            User.objects.get(pk=key).delete()
            self.keys.remove(key)
        else:
            services.set_preference(user_id=key, type="general", enabled=what == "on")


@pytest.mark.parametrize("after", [False, True])
def test_one_crash_at_each_step(monkeypatch: pytest.MonkeyPatch, after: bool) -> None:
    monkeypatch.setattr(campaign_running, "STEP_RECIPIENTS", 2)
    reached = set[int]()
    for crash in crash_at_each_step(after=after):
        test = _Campaign()
        with crash:
            run_due_campaigns()
        reached.add(len(check(test.campaign, test.keys)))
        finish(test.campaign)
        assert len(check(test.campaign, test.keys)) == USERS
        assert live_inbox.campaign(test.campaign.id).state is BulkState.DONE
    # It crashed in each step, and then no more.
    assert reached == {0, 2, 4, 5}


changes = st.lists(
    st.tuples(st.sampled_from(["delete", "off", "on", "remove user"]), st.integers(0, USERS - 1)),
    max_size=3,
)
crashes = st.lists(st.tuples(st.integers(0, 40), st.booleans(), changes), max_size=4)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(crashes, st.booleans(), crashes)
def test_wherever_it_crashes_the_next_process_does_exactly_the_rest(
    monkeypatch: pytest.MonkeyPatch,
    crashes: list[tuple[int, bool, list[tuple[str, int]]]],
    recall: bool,
    later_crashes: list[tuple[int, bool, list[tuple[str, int]]]],
) -> None:
    monkeypatch.setattr(campaign_running, "STEP_RECIPIENTS", 2)
    test = _Campaign()
    seen = dict[int, int | None]()
    for step, after, changes in crashes:
        with crash_at(step, after=after):
            run_due_campaigns()
        recorded = check(test.campaign, test.keys)
        # What the record says of somebody never changes.
        assert seen.items() <= recorded.items()
        seen = recorded
        for change in changes:
            test.change(*change)
    if recall:
        live_inbox.recall_campaign(test.campaign.id)
        for step, after, changes in later_crashes:
            with crash_at(step, after=after):
                run_due_campaigns()
            for change in changes:
                test.change(*change)
    finish(test.campaign)
    ended = live_inbox.campaign(test.campaign.id)
    recorded = check(test.campaign, test.keys)
    if recall:
        assert ended.state is BulkState.RECALLED
        assert not Notification.objects.filter(recipient__in=test.keys).exists()
    else:
        assert ended.state is BulkState.DONE
        assert set(test.keys) <= recorded.keys()
    assert list(check_inboxes(user_ids=test.keys)) == []


@settings(
    max_examples=3,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    kills=st.lists(st.tuples(st.integers(0, 6), st.floats(0, 0.01)), min_size=3, max_size=3),
    recall=st.booleans(),
)
def test_processes_that_are_killed_at_any_moment(
    stack: Stack, kills: list[tuple[int, float]], recall: bool
) -> None:
    """Killed again and again, while users delete what they got; then this process does what is left."""
    User.objects.all().delete()
    users = User.objects.bulk_create(User(username=f"u{n}") for n in range(300))
    keys = [user.pk for user in users]
    for user in users[::10]:
        services.set_preference(user_id=user.pk, type="general", enabled=False)
    campaign = live_inbox.start_campaign(everybody=True, title="x")
    dealt_with = 0
    for commits, seconds in kills:
        kill_after(stack, RUNNER, commits, seconds)
        # Each transaction as a whole, or not at all.
        recorded = check(campaign, keys)
        assert len(recorded) % 20 == 0
        assert len(recorded) >= dealt_with
        dealt_with = len(recorded)
        for notification in Notification.objects.order_by("?")[:5]:
            notification.delete()
    if recall:
        live_inbox.recall_campaign(campaign.id)
        for commits, seconds in kills[:2]:
            kill_after(stack, RUNNER, commits, seconds)
    with started(stack, RUNNER) as (_, output):
        assert output.read().startswith("ready")
    ended = live_inbox.campaign(campaign.id)
    recorded = check(campaign, keys)
    if recall:
        assert ended.state is BulkState.RECALLED
        assert len(recorded) == dealt_with
        assert not Notification.objects.exists()
    else:
        assert (ended.state, ended.sent, ended.suppressed) == (BulkState.DONE, 270, 30)
        assert recorded.keys() == set(keys)
    assert list(check_inboxes()) == []
