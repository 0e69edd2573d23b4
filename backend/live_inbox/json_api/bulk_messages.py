"""The messages of senders to many users: bulk sends, and campaigns, which the servers carry out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NotRequired, TypedDict

from live_inbox.campaigns import Campaign
from live_inbox.content import GivenFields
from live_inbox.json_api.failures import ErrorBody
from live_inbox.json_api.moments import wire_time
from live_inbox.selectors import Reception
from live_inbox.services import RecipientResults

# -- client → server -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SendMany:
    """Client → server: `send_many` delivers a notification to many users. Not in the guide.

    `user_ids` are primary keys as text; `user_refs` are what tokens call the users.
    """

    content: GivenFields
    user_ids: Sequence[str] = ()
    user_refs: Sequence[str] = ()
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class StartCampaign:
    """Client → server: `start_campaign` sends to a topic, a segment or everybody. Not in the guide."""

    content: GivenFields
    topic: str | None = None
    segment: str | None = None
    everybody: bool = False
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class GetCampaign:
    """Client → server: `get_campaign` requests how far a campaign has come. Not in the guide."""

    campaign_id: int


@dataclass(frozen=True, slots=True)
class CancelCampaign:
    """Client → server: `cancel_campaign` sends a campaign to nobody else. Not in the guide."""

    campaign_id: int


@dataclass(frozen=True, slots=True)
class RecallCampaign:
    """Client → server: `recall_campaign` deletes what a campaign has sent. Not in the guide."""

    campaign_id: int


# -- server → client -------------------------------------------------------------------------------


class RecipientObject(TypedDict):
    """What became of one recipient of a bulk send, who is named as the client did."""

    recipient: str
    status: str
    notification_id: int | None


class NotificationsSent(TypedDict):
    """Server → client: the answer to `send_many`, with a result for each recipient in their order."""

    type: Literal["notifications_sent"]
    success: bool
    results: NotRequired[list[RecipientObject]]
    sent_count: NotRequired[int]
    campaign_id: NotRequired[int]
    error: NotRequired[ErrorBody]


class CampaignObject(TypedDict):
    """A campaign. Counts are of recipients."""

    id: int
    state: str
    total: int
    sent: int
    suppressed: int
    failed: int
    scheduled: int
    recalled: int
    seen: int
    read: int
    is_exact: bool
    reason: str | None
    topic: str | None
    segment: str | None
    deliver_at: str | None
    started_at: str
    changed_at: str


CampaignAnswer = Literal[
    "campaign_started", "campaign_progress", "campaign_cancelled", "campaign_recalled"
]


class CampaignMessage(TypedDict):
    """Server → client: a campaign as it is now. The id is that of the request if the action has failed."""

    type: CampaignAnswer
    campaign_id: int | None
    success: bool
    campaign: NotRequired[CampaignObject]
    error: NotRequired[ErrorBody]


def notifications_sent(results: RecipientResults, *, campaign_id: int | None) -> NotificationsSent:
    """Return the reply to `send_many`. It has the id of the campaign if the send had an idempotency key."""
    answer: NotificationsSent = {
        "type": "notifications_sent",
        "success": True,
        "results": [
            {
                "recipient": each.recipient,
                "status": each.status.value,
                "notification_id": each.notification_id,
            }
            for each in results
        ],
        "sent_count": results.sent_count,
    }
    if campaign_id is not None:
        answer["campaign_id"] = campaign_id
    return answer


def campaign_message(
    name: CampaignAnswer, campaign: Campaign, reception: Reception
) -> CampaignMessage:
    """Return a reply that has a campaign, with what has become of its notifications."""
    later = campaign.deliver_at
    return {
        "type": name,
        "campaign_id": campaign.id,
        "success": True,
        "campaign": {
            "id": campaign.id,
            "state": campaign.state.value,
            **campaign.counts,
            "seen": reception.seen,
            "read": reception.read,
            "is_exact": reception.is_exact,
            "reason": campaign.reason or None,
            "topic": campaign.topic,
            "segment": campaign.segment,
            "deliver_at": None if later is None else wire_time(later),
            "started_at": wire_time(campaign.started_at),
            "changed_at": wire_time(campaign.changed_at),
        },
    }
