"""A bulk send that crashes at any statement or commit, again and again, while its recipients change their inboxes."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress

import pytest
from django.contrib.auth.models import User
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import live_inbox
from live_inbox import services
from live_inbox.errors import InvalidInput
from live_inbox.models import BulkSend, BulkSendChunk, Inbox, InboxEvent, Notification
from live_inbox.services import SentMany, bulk_sending
from tests.domain.crashing import crash_at, crash_at_each_step

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("bell")]

USERS = 5
CHUNK = 2


changes = st.lists(
    st.tuples(st.sampled_from(["delete", "off", "on", "remove user"]), st.integers(0, USERS - 1)),
    max_size=3,
)
crashes = st.lists(st.tuples(st.integers(0, 24), st.booleans(), changes), max_size=4)


class _Recipients:
    """The recipients of one bulk send, and what is known of them from outside."""

    def __init__(self) -> None:
        self.bulk = f"k{BulkSend.objects.count()}-{User.objects.count()}"
        names = [f"{self.bulk}-{number}" for number in range(USERS)]
        self.keys = [User.objects.create(username=name).pk for name in names]
        self.removed = set[int]()
        self.ever_off = set[int]()
        self.seen = dict[int, int | None]()

    def send(self) -> SentMany:
        return live_inbox.send_many(recipients=self.keys, title="x", idempotency_key=self.bulk)

    def change(self, what: str, number: int) -> None:
        key = self.keys[number]
        if key in self.removed:
            return
        if what == "delete":
            for notification in Notification.objects.filter(recipient=key):
                notification.delete()
        elif what == "remove user":
            User.objects.get(pk=key).delete()
            self.removed.add(key)
        else:
            services.set_preference(user_id=key, type="general", enabled=what == "on")
            if what == "off":
                self.ever_off.add(key)

    def check(self) -> None:
        """Compare the record with the logs. What it says of somebody never changes."""
        rows = BulkSendChunk.objects.filter(bulk_send__idempotency_key=self.bulk)
        pairs = [pair for row in rows for pair in json.loads(row.outcomes)]
        recorded = dict(pairs)
        assert len(recorded) == len(pairs)
        assert self.seen.items() <= recorded.items()
        self.seen = recorded
        there = [key for key in self.keys if key not in self.removed]
        times = Counter(
            InboxEvent.objects.filter(kind="added", inbox__in=there).values_list("inbox", flat=True)
        )
        assert times == {key: 1 for key in there if recorded.get(key) is not None}
        assert {key for key in recorded if recorded[key] is None} <= self.ever_off


@pytest.mark.parametrize("after", [False, True])
def test_one_crash_at_each_step(monkeypatch: pytest.MonkeyPatch, after: bool) -> None:
    monkeypatch.setattr(bulk_sending, "SEND_CHUNK", CHUNK)
    reached = set[int]()
    for crash in crash_at_each_step(after=after):
        recipients = _Recipients()
        with crash:
            recipients.send()
        recipients.check()
        reached.add(len(recipients.seen))
        for number in range(USERS):
            recipients.change("delete", number)
        assert recipients.send().sent == USERS - len(recipients.seen)
        recipients.check()
    # It crashed in each chunk, and then no more.
    assert reached == {0, 2, 4, 5}


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(crashes)
def test_wherever_it_crashes_the_same_call_does_exactly_the_rest(
    monkeypatch: pytest.MonkeyPatch, crashes: list[tuple[int, bool, list[tuple[str, int]]]]
) -> None:
    monkeypatch.setattr(bulk_sending, "SEND_CHUNK", CHUNK)
    recipients = _Recipients()
    for step, after, changes in crashes:
        # Before anybody has been reached, a user who does not exist is a mistake of the caller.
        with suppress(InvalidInput), crash_at(step, after=after):
            recipients.send()
        recipients.check()
        for change in changes:
            recipients.change(*change)
    before = recipients.seen
    try:
        result = recipients.send()
    except InvalidInput:
        assert recipients.removed
        assert not before
        return
    recipients.check()
    there = {key for key in recipients.keys if key not in recipients.removed}
    got = {key for key in there if recipients.seen[key] is not None}
    assert result == SentMany(
        sent=len(got - before.keys()),
        replayed=len(got & before.keys()),
        suppressed=len(there - got),
        skipped=len(recipients.removed),
    )
    assert result.skipped_recipients == recipients.removed
    assert result.notification_ids == {key: recipients.seen[key] for key in got}
    # Nobody gets it any more.
    for number in range(USERS):
        recipients.change("on", number)
    assert recipients.send().sent == 0
    recipients.check()
    wanted = Inbox.objects.filter(pk__in=there - recipients.ever_off)
    assert wanted.count() == len(there - recipients.ever_off)
