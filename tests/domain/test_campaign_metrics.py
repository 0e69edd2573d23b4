"""How far campaigns have come is counted when it is committed, and read from the database by any process."""

from __future__ import annotations

import math
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

import live_inbox
from live_inbox import services
from live_inbox.maintenance.campaign_metrics import observe_campaigns
from live_inbox.models import BulkSend, BulkSendChunk
from live_inbox.services import campaign_running
from tests.delivery.metric_values import counted
from tests.domain.query_counting import queries
from tests.stacks.python_process import run_python

pytestmark = pytest.mark.django_db

MORNING = datetime.fromisoformat("2026-05-01T08:00:00+00:00")
RESULTS = ("sent", "suppressed", "failed", "recalled")
STATES = ("waiting", "pending", "running", "recalling")


@pytest.fixture
def users(db: None, monkeypatch: pytest.MonkeyPatch) -> list[User]:
    """Users of three steps."""
    monkeypatch.setattr(campaign_running, "STEP_RECIPIENTS", 4)
    return User.objects.bulk_create(User(username=f"u{n}") for n in range(10))


def start(**changes: Any) -> live_inbox.Campaign:
    given: dict[str, Any] = {"everybody": True, "title": "x", **changes}
    return live_inbox.start_campaign(**given)


def recipients() -> dict[str, float]:
    return {result: counted("campaign_recipients_total", result=result) for result in RESULTS}


def growth(before: dict[str, float]) -> dict[str, float]:
    """Return what has been counted since, but for zeros."""
    return {
        name: value - before[name] for name, value in recipients().items() if value != before[name]
    }


def observe() -> None:
    assert list(observe_campaigns()) == []


def in_states() -> dict[str, float]:
    return {state: counted("campaigns", state=state) for state in STATES}


def last_progress(state: str) -> float:
    return counted("campaign_progress_timestamp_seconds", state=state)


def one_step(campaign: live_inbox.Campaign) -> None:
    next(campaign_running.steps_of(campaign))


# -- recipients ------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_recipients_are_counted_by_result_when_a_step_is_committed(users: list[User]) -> None:
    services.set_preference(user_id=users[1].pk, type="general", enabled=False)
    campaign = start(everybody=False, recipients=users)
    users[2].delete()
    before = recipients()
    one_step(campaign)
    assert growth(before) == {"sent": 2, "suppressed": 1, "failed": 1}
    live_inbox.run_campaign(campaign.id)
    assert growth(before) == {"sent": 8, "suppressed": 1, "failed": 1}
    live_inbox.recall_campaign(campaign.id)
    live_inbox.run_campaign(campaign.id)
    assert growth(before) == {"sent": 8, "suppressed": 1, "failed": 1, "recalled": 8}


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_is_not_counted(users: list[User]) -> None:
    campaign = start()
    before = recipients()
    with transaction.atomic():
        live_inbox.run_campaign(campaign.id)
        transaction.set_rollback(True)
    assert growth(before) == {}
    assert not BulkSendChunk.objects.exists()


# -- campaigns -------------------------------------------------------------------------------------------


def test_campaigns_are_counted_by_state_and_those_that_are_done_no_more(users: list[User]) -> None:
    start(deliver_at=timezone.now() + timedelta(hours=1))
    campaign = start()
    observe()
    assert in_states() == {"waiting": 1, "pending": 1, "running": 0, "recalling": 0}
    assert counted("campaign_recipients_left") == 10
    one_step(campaign)
    observe()
    assert in_states() == {"waiting": 1, "pending": 0, "running": 1, "recalling": 0}
    assert counted("campaign_recipients_left") == 6
    live_inbox.recall_campaign(campaign.id)
    observe()
    assert in_states() == {"waiting": 1, "pending": 0, "running": 0, "recalling": 1}
    assert counted("campaign_recipients_left") == 0
    live_inbox.run_campaign(campaign.id)
    observe()
    assert in_states() == {"waiting": 1, "pending": 0, "running": 0, "recalling": 0}


def test_a_call_of_send_many_is_no_campaign_that_the_servers_go_on_with(users: list[User]) -> None:
    services.send_many(recipient_ids=[users[0].pk], title="x", idempotency_key="k")
    BulkSend.objects.update(state="running")
    observe()
    assert in_states() == dict.fromkeys(STATES, 0)


def test_the_oldest_progress_is_that_of_the_campaign_that_waits_longest(users: list[User]) -> None:
    for campaign, hours in ((start(), 3), (start(), 1), (start(), 2)):
        one_step(campaign)
        changed_at = MORNING - timedelta(hours=hours)
        BulkSend.objects.filter(pk=campaign.id).update(changed_at=changed_at)
    observe()
    assert last_progress("running") == (MORNING - timedelta(hours=3)).timestamp()
    assert math.isnan(last_progress("pending"))
    assert math.isnan(last_progress("recalling"))


def test_a_campaign_with_a_time_of_its_own_is_expected_to_make_progress_from_then_on(
    users: list[User],
) -> None:
    campaign = start(deliver_at=timezone.now() + timedelta(hours=1))
    BulkSend.objects.filter(pk=campaign.id).update(
        deliver_at=MORNING, changed_at=MORNING - timedelta(days=1)
    )
    observe()
    assert in_states() == {"waiting": 0, "pending": 1, "running": 0, "recalling": 0}
    assert last_progress("pending") == MORNING.timestamp()


def test_without_a_campaign_there_is_no_moment_of_progress(db: None) -> None:
    observe()
    assert in_states() == dict.fromkeys(STATES, 0)
    assert [math.isnan(last_progress(state)) for state in STATES[1:]] == [True, True, True]
    assert counted("campaign_recipients_left") == 0


def test_more_recipients_than_there_were_at_the_beginning_are_no_negative_number(
    users: list[User],
) -> None:
    campaign = start()
    one_step(campaign)
    BulkSend.objects.filter(pk=campaign.id).update(recipients=3)
    observe()
    assert counted("campaign_recipients_left") == 0


def test_it_takes_one_query_however_many_campaigns_there_are(users: list[User]) -> None:
    for _ in range(3):
        one_step(start())
    with queries() as made:
        observe()
    assert len(made) == 1


LOOK = """
import os, django
django.setup()
from live_inbox import metrics
from live_inbox.metrics_text import metrics_text
metrics.CAMPAIGNS.labels("running").set(int(os.environ["FOUND"]))
metrics.CAMPAIGN_RECIPIENTS.labels("sent").inc(500)
print(metrics_text().decode())
"""


@pytest.mark.stack("embedded")
def test_processes_that_share_a_scrape_do_not_add_up_what_each_has_read(tmp_path: Path) -> None:
    first, second = (
        run_python(
            "-c",
            LOOK,
            environment={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "FOUND": found},
        )
        for found in ("3", "2")
    )
    assert 'inbox_campaigns{state="running"} 3.0' in first
    assert 'inbox_campaigns{state="running"} 2.0' in second
    assert 'inbox_campaign_recipients_total{result="sent"} 1000.0' in second
