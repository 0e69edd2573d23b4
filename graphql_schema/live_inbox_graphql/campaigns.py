"""Campaigns and topics in the schema: their types, and what is behind their fields."""

# mypy: allow-untyped-decorators
# (Strawberry declares what its decorators return as Any.)

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Annotated, Any

import strawberry

from live_inbox import selectors, services
from live_inbox.bulk_states import BulkState
from live_inbox.campaigns import Campaign as CampaignProgress
from live_inbox.identity.callers import Caller
from live_inbox.services import campaigns_for_caller as for_caller
from live_inbox.services.change_rate import take_change
from live_inbox_graphql import ids
from live_inbox_graphql.arguments import named_by_client
from live_inbox_graphql.types import ContentInput

TopicName = Annotated[
    str, strawberry.argument(description="The topic: a slug of letters, digits, `-`, `_` and `.`.")
]
CampaignId = Annotated[strawberry.ID, strawberry.argument(description="The campaign's id.")]


@strawberry.enum(description="What is being done about a campaign.")
class CampaignState(Enum):
    PENDING = strawberry.enum_value("pending", description="Nobody has been reached yet.")
    RUNNING = strawberry.enum_value("running", description="Some recipients have been reached.")
    DONE = strawberry.enum_value("done", description="Everybody has been dealt with.")
    CANCELLED = strawberry.enum_value(
        "cancelled", description="Who has been reached keeps it, and nobody else gets it."
    )
    RECALLING = strawberry.enum_value(
        "recalling", description="The notifications are being deleted."
    )
    RECALLED = strawberry.enum_value("recalled", description="The notifications are deleted.")


@strawberry.type(
    description="A bulk send in the background. Counts are of recipients: each who has been dealt with is in one of "
    "`sent`, `suppressed` and `failed`."
)
class Campaign:
    id: strawberry.ID = strawberry.field(description="Its id.")
    state: CampaignState = strawberry.field(description="What is being done about it.")
    total: int = strawberry.field(
        description="How many recipients there were when it began; since it is done, how many it has dealt with."
    )
    sent: int = strawberry.field(description="Those who got the notification.")
    suppressed: int = strawberry.field(description="Those who do not want its type.")
    failed: int = strawberry.field(
        description="Those to whom it could not be sent: they may not be sent to, have been deleted, or it cannot be "
        "rendered in their language."
    )
    scheduled: int = strawberry.field(
        description="Those for whom `sendMany` has scheduled it, who get it at their time."
    )
    recalled: int = strawberry.field(description="Those whose notification a recall has deleted.")
    seen: int = strawberry.field(
        description="Those who have it and have opened their list since, or read it."
    )
    read: int = strawberry.field(description="Those who have it and have read it.")
    is_exact: bool = strawberry.field(
        description="Whether `seen` and `read` are exact. Beyond 10,000 recipients they are estimated."
    )
    reason: str | None = strawberry.field(
        description="Why it ended before everybody had it; null otherwise."
    )
    topic: str | None = strawberry.field(
        description="The topic whose subscribers it is for; null for others."
    )
    segment: str | None = strawberry.field(
        description="The segment that it is for; null for others."
    )
    deliver_at: datetime | None = strawberry.field(
        description="When it begins; null for at once, and for a `sendMany`."
    )
    started_at: datetime = strawberry.field(description="When it was started.")
    changed_at: datetime = strawberry.field(description="When it last came any further.")

    @classmethod
    def of(cls, campaign: CampaignProgress) -> Campaign:
        """Return the object for a campaign. Reads what has become of its notifications."""
        reception = selectors.reception(campaign_id=campaign.id)
        return cls(
            id=ids.campaign_id(campaign.id),
            state=CampaignState(BulkState(campaign.state).value),
            **campaign.counts,
            seen=reception.seen,
            read=reception.read,
            is_exact=reception.is_exact,
            reason=campaign.reason or None,
            topic=campaign.topic,
            segment=campaign.segment,
            deliver_at=campaign.deliver_at,
            started_at=campaign.started_at,
            changed_at=campaign.changed_at,
        )


@strawberry.type(
    description="The result of `startCampaign`, `cancelCampaign` and `recallCampaign`."
)
class CampaignPayload:
    campaign: Campaign = strawberry.field(description="The campaign after the change.")


@strawberry.type(description="The result of `subscribeToTopic` and `unsubscribeFromTopic`.")
class TopicsPayload:
    changed: bool = strawberry.field(description="Whether that was not so before.")
    topics: list[str] = strawberry.field(
        description="The topics that the caller is subscribed to now, sorted."
    )


@strawberry.input(
    description="A notification to send to many users. Name one of `topic`, `segment` and `everybody`."
)
class StartCampaignInput(ContentInput):
    topic: str | None = strawberry.field(
        default=None, description="Send it to those who are subscribed to this topic."
    )
    segment: str | None = strawberry.field(
        default=None, description="Send it to the users of this segment, which the site declares."
    )
    everybody: bool = strawberry.field(default=False, description="Send it to all active users.")
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="A string of your choice that makes retries safe: the same key with the same input returns the "
        "campaign as it is now; with another input it is a CONFLICT.",
    )


def campaign(caller: Caller, id: str) -> Campaign:
    """Return a campaign of the caller's, or one that they may view. Raises NotFound."""
    number = ids.parse_campaign_id(id)
    return Campaign.of(for_caller.campaign_for_caller(caller, campaign_id=number))


def topics(caller: Caller) -> list[str]:
    """Return the topics of the caller."""
    return services.topics_of(caller.user.pk)


def start(caller: Caller, input: StartCampaignInput) -> CampaignPayload:
    """Start a campaign. Raises what `start_campaign_for_caller` raises."""
    content: Any = input.content()
    with named_by_client("input", recipient_ids="topic"):
        started = for_caller.start_campaign_for_caller(
            caller,
            topic=input.topic,
            segment=input.segment,
            everybody=input.everybody,
            idempotency_key=input.idempotency_key,
            **content,
        )
    return CampaignPayload(campaign=Campaign.of(started))


def cancel(caller: Caller, id: str) -> CampaignPayload:
    """Cancel a campaign. Raises what `cancel_campaign_for_caller` raises."""
    number = ids.parse_campaign_id(id)
    ended = for_caller.cancel_campaign_for_caller(caller, campaign_id=number)
    return CampaignPayload(campaign=Campaign.of(ended))


def recall(caller: Caller, id: str) -> CampaignPayload:
    """Recall a campaign. Raises what `recall_campaign_for_caller` raises."""
    number = ids.parse_campaign_id(id)
    ended = for_caller.recall_campaign_for_caller(caller, campaign_id=number)
    return CampaignPayload(campaign=Campaign.of(ended))


def subscribe(caller: Caller, topic: str) -> TopicsPayload:
    """Subscribe the caller to a topic. Raises Forbidden unless it is open, InvalidInput and RateLimited."""
    take_change(caller)
    changed = for_caller.subscribe_for_caller(caller, topic=topic)
    return TopicsPayload(changed=changed, topics=topics(caller))


def unsubscribe(caller: Caller, topic: str) -> TopicsPayload:
    """Unsubscribe the caller from a topic. Raises InvalidInput and RateLimited."""
    take_change(caller)
    changed = services.unsubscribe(user_id=caller.user.pk, topic=topic)
    return TopicsPayload(changed=changed, topics=topics(caller))
