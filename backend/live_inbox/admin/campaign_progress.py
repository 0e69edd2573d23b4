"""How far a campaign has come, as the page of the admin shows it; and working on it for a moment."""

from __future__ import annotations

from typing import Any

from live_inbox.bulk_states import SENDING, BulkState
from live_inbox.campaigns import Campaign, read_campaign
from live_inbox.clock import clock
from live_inbox.services.campaign_running import steps_of

WORK_SECONDS = 0.3
"""How long one request works on a campaign. A step that has begun still ends."""

_TEXTS = {
    BulkState.PENDING: "Waiting to be sent.",
    BulkState.RUNNING: "Being sent.",
    BulkState.DONE: "Sent.",
    BulkState.CANCELLED: "Cancelled: nobody else gets it.",
    BulkState.RECALLING: "Being recalled.",
    BulkState.RECALLED: "Recalled.",
}


def progress(campaign: Campaign) -> dict[str, Any]:
    """Return what the page shows of a campaign, as JSON: its text, its counts, and the bar with its maximum."""
    is_recall = campaign.state in (BulkState.RECALLING, BulkState.RECALLED)
    return {
        "state": campaign.state.value,
        "text": " ".join(filter(None, (_text(campaign), campaign.reason))),
        "isDue": campaign.is_due,
        "done": campaign.recalled if is_recall else campaign.dealt_with,
        "total": max(campaign.sent if is_recall else campaign.total, 1),
        "counts": campaign.counts,
    }


def _text(campaign: Campaign) -> str:
    if (
        campaign.state in SENDING
        and not campaign.is_due
        and (campaign.scheduled or campaign.audience)
    ):
        return "Scheduled."
    return _TEXTS[campaign.state]


def advance(campaign: Campaign) -> Campaign:
    """Work on a campaign for WORK_SECONDS at most, along with the server processes; return it."""
    if not campaign.is_due:
        return campaign
    end = clock.monotonic() + WORK_SECONDS
    for _ in steps_of(campaign):
        if clock.monotonic() >= end:
            break
    return read_campaign(campaign.id)
