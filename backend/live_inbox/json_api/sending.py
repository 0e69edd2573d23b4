"""The sending functions of the original guide, with its arguments, for code that was written for it.

`expires_at`, the last argument of each, is an addition.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from live_inbox import services
from live_inbox.models import Notification


def send_websocket_notification(
    user_id: Any,
    title: str,
    message: str,
    notification_type: str = "general",
    data: Any = None,
    link: Any = None,
    sender_id: Any = None,
    expires_at: datetime | timedelta | None = None,
) -> Notification | None:
    """Send a notification to a user; return it, or None if the user does not want this type."""
    sent = services.send(
        recipient_id=user_id,
        title=title,
        message=message,
        type=notification_type,
        data=data,
        link="" if link is None else link,
        sender_id=sender_id,
        expires_at=expires_at,
    )
    return sent.notification


def send_approval_notification(
    user_id: Any,
    title: str,
    message: str,
    form_type: str,
    item_id: Any,
    approved: bool,
    sender_id: Any = None,
    link: Any = None,
    data: Any = None,
    expires_at: datetime | timedelta | None = None,
) -> Notification | None:
    """Tell a user that a form of theirs was approved or not, as a notification of type `approval`."""
    sent = services.send_approval(
        recipient_id=user_id,
        title=title,
        message=message,
        form_type=form_type,
        item_id=item_id,
        approved=approved,
        sender_id=sender_id,
        link="" if link is None else link,
        data=data,
        expires_at=expires_at,
    )
    return sent.notification


def send_user_detail_approval_notification(
    user_id: Any,
    approved: bool = True,
    sender_id: Any = None,
    title: str | None = None,
    message: str | None = None,
    item_id: Any = None,
    link: Any = None,
    expires_at: datetime | timedelta | None = None,
) -> Notification | None:
    """Tell a user that their details were approved or not.

    The guide names this function without showing its arguments; every one but the user has a default here.
    """
    sent = services.send_user_detail_approval(
        recipient_id=user_id,
        approved=approved,
        sender_id=sender_id,
        title=title,
        message=message,
        item_id=item_id,
        link="" if link is None else link,
        expires_at=expires_at,
    )
    return sent.notification
