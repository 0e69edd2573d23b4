"""Campaigns and topics in the name of a caller, for APIs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from live_inbox.campaigns import Campaign, no_campaign, read_campaign
from live_inbox.errors import Forbidden
from live_inbox.identity.callers import Caller, refresh_caller
from live_inbox.identity.scopes import Right, is_limited, may_send_to_anyone, require
from live_inbox.send_policy import has_permission, may_send
from live_inbox.services.campaign_audience import audience_of
from live_inbox.services.campaigns import cancel_campaign, recall_campaign, start_campaign
from live_inbox.services.send_rate import take_sends
from live_inbox.services.topics import check_open, clean_topic, subscribe

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractUser


def start_campaign_for_caller(
    caller: Caller,
    *,
    topic: str | None = None,
    segment: str | None = None,
    everybody: bool = False,
    **content: Any,
) -> Campaign:
    """Start a campaign as `services.start_campaign` does, in the name of a caller who may send to anybody.

    SEND_POLICY is asked about each recipient, too, when their turn comes. It counts as one send in the caller's rate.
    Raises RateLimited, AuthenticationFailed and Forbidden beside what `start_campaign` raises.
    """
    take_sends(caller)
    require(caller.scopes, Right.SEND)
    user = cast("AbstractUser", refresh_caller(caller).user)
    if not may_send(user, recipient_id="", scopes=caller.scopes):
        raise Forbidden("You may not send to everybody.")
    return start_campaign(
        audience=audience_of(topic=topic, segment=segment, everybody=everybody),
        sender_id=user.pk,
        scopes=caller.scopes,
        **content,
    )


def campaign_for_caller(caller: Caller, *, campaign_id: int) -> Campaign:
    """Return a campaign that the caller has sent, or may view by permission.

    Raises NotFound, also for those of others: their ids cannot be probed.
    """
    campaign = read_campaign(campaign_id)
    if campaign.sender_id is not None and str(campaign.sender_id) == caller.user_id:
        return campaign
    if _has_perm(caller, "live_inbox.view_bulksend"):
        return campaign
    raise no_campaign()


def cancel_campaign_for_caller(caller: Caller, *, campaign_id: int) -> Campaign:
    """Cancel a campaign that the caller has sent, or may view and send. Raises NotFound and Forbidden."""
    _check_may_end(caller, campaign_id)
    return cancel_campaign(campaign_id=campaign_id)


def recall_campaign_for_caller(caller: Caller, *, campaign_id: int) -> Campaign:
    """Recall a campaign that the caller has sent, or may view and send. Raises NotFound and Forbidden."""
    _check_may_end(caller, campaign_id)
    return recall_campaign(campaign_id=campaign_id)


def _check_may_end(caller: Caller, campaign_id: int) -> None:
    require(caller.scopes, Right.SEND)
    take_sends(caller)
    campaign = campaign_for_caller(caller, campaign_id=campaign_id)
    is_own = str(campaign.sender_id) == caller.user_id
    if not is_own and not _has_perm(caller, "live_inbox.send_notification"):
        raise Forbidden("You may not end the campaigns of others.")


def subscribe_for_caller(caller: Caller, *, topic: str) -> bool:
    """Subscribe the caller to one of OPEN_TOPICS; return whether they were not. Raises Forbidden for others."""
    cleaned = clean_topic(topic)
    check_open(cleaned)
    return subscribe(user_id=caller.user.pk, topic=cleaned)


def _has_perm(caller: Caller, permission: str) -> bool:
    """Whether the caller's user has a permission, which tokens with narrower scopes do not carry."""
    if is_limited(caller.scopes) and not may_send_to_anyone(caller.scopes):
        return False
    return has_permission(refresh_caller(caller).user, permission)
