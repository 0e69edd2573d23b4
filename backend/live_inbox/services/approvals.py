"""The two approvals of the original guide."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Model

from live_inbox.plain_values import object_of, plain_scalar
from live_inbox.services.results import Sent
from live_inbox.services.sending import send
from live_inbox.services.users import key_of


def send_approval(
    *,
    recipient_id: Any,
    title: str,
    message: str,
    form_type: str,
    item_id: Any,
    approved: bool,
    sender_id: Any = None,
    link: str = "",
    data: Any = None,
    idempotency_key: str | None = None,
    expires_at: datetime | timedelta | None = None,
    now: datetime | None = None,
) -> Sent:
    """Notify a user that a form of theirs was approved or rejected.

    Sends a notification of type `approval` whose data holds the form, the item and the decision.
    """
    given = {} if data is None else object_of(data, field="data")
    decision = {"form_type": form_type, "item_id": _plain(item_id), "approved": approved}
    return send(
        recipient_id=recipient_id,
        title=title,
        message=message,
        type="approval",
        link=link,
        data={**given, **decision},
        sender_id=sender_id,
        idempotency_key=idempotency_key,
        expires_at=expires_at,
        now=now,
    )


def send_user_detail_approval(
    *,
    recipient_id: Any,
    approved: bool,
    item_id: Any = None,
    title: str | None = None,
    message: str | None = None,
    sender_id: Any = None,
    link: str = "",
    idempotency_key: str | None = None,
    expires_at: datetime | timedelta | None = None,
    now: datetime | None = None,
) -> Sent:
    """Notify a user that their own details were approved or rejected; `item_id` is the user unless given."""
    outcome = "approved" if approved else "rejected"
    return send_approval(
        recipient_id=recipient_id,
        title=f"Details {outcome.capitalize()}" if title is None else title,
        message=f"Your details have been {outcome}" if message is None else message,
        form_type="userdetail",
        item_id=key_of(recipient_id, field="recipient_id") if item_id is None else item_id,
        approved=approved,
        sender_id=sender_id,
        link=link,
        idempotency_key=idempotency_key,
        expires_at=expires_at,
        now=now,
    )


def _plain(value: Any) -> Any:
    """Return an item, or the primary key of one, as JSON can carry it."""
    key = plain_scalar(value.pk if isinstance(value, Model) else value)
    return key if key is None or isinstance(key, int | str) else str(key)
