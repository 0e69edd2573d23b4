"""Sending to many users in the name of a caller, with a result for each: for services that send over an API."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, cast

from live_inbox.conf import inbox_settings
from live_inbox.errors import InvalidInput
from live_inbox.identity.accounts import users_named
from live_inbox.identity.callers import Caller, refresh_caller
from live_inbox.identity.config import identity_config
from live_inbox.identity.scopes import Right, may_send_to_anyone, require
from live_inbox.send_policy import may_send
from live_inbox.services.bulk_sending import send_many
from live_inbox.services.results import SentMany
from live_inbox.services.schedule_quota import check_may_schedule
from live_inbox.services.send_for_caller import check_may_name
from live_inbox.services.send_rate import take_recipients, take_sends
from live_inbox.services.users import existing_users, user_key

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractUser


class SendStatus(StrEnum):
    """What became of one recipient of a bulk send."""

    SENT = "sent"
    SCHEDULED = "scheduled"
    SUPPRESSED = "suppressed"
    UNKNOWN_RECIPIENT = "unknown_recipient"
    FORBIDDEN = "forbidden"
    RATE_LIMITED = "rate_limited"


@dataclass(frozen=True, slots=True)
class RecipientResult:
    """The result for one recipient, who is named as the caller did."""

    recipient: str
    status: SendStatus
    notification_id: int | None = None


class RecipientResults(list[RecipientResult]):
    """The results for all recipients, in their order."""

    campaign_id: int | None = None
    """Names the bulk send for `campaign` and `recall_campaign`; None without an idempotency key."""

    @property
    def sent_count(self) -> int:
        """How many recipients got the notification. One who was named twice has two results, and got it once."""
        return len({each.notification_id for each in self if each.status is SendStatus.SENT})


def send_many_for_caller(
    caller: Caller,
    *,
    recipient_ids: Sequence[str] = (),
    recipient_refs: Sequence[str] = (),
    **content: Any,
) -> RecipientResults:
    """Send as `services.send_many` does, in the caller's name; return a result for each recipient, in their order.

    `recipient_ids` are primary keys. `recipient_refs` are what tokens call the users: values of JWT_USER_FIELD. With
    JWT_CREATE_USERS, a service creates those users who are missing. A recipient who does not exist, or to whom the
    caller may not send, does not keep the others from theirs. To a caller who may not send to just anybody, users who
    do not exist are FORBIDDEN, too. One who is sent too much at the moment is RATE_LIMITED. One who is deleted
    meanwhile counts as one who does not exist. A repeated call with an idempotency key has the first results of those
    whom it has dealt with, also where the caller may not send to them any more.

    Raises RateLimited, Forbidden without the scope, AuthenticationFailed, InvalidInput for more than MAX_RECIPIENTS and
    for the content, and SendManyInterrupted.
    """
    count = len(recipient_ids) + len(recipient_refs)
    most = inbox_settings().max_recipients
    if not 0 < count <= most:
        raise InvalidInput(f"A bulk has 1 to {most} recipients.", field="recipient_ids")
    take_sends(caller, count=count, field="recipient_ids")
    require(caller.scopes, Right.SEND)
    caller = refresh_caller(caller)
    user = cast("AbstractUser", caller.user)
    check_may_name(user, content.get("actor"), scopes=caller.scopes)
    may_create = may_send_to_anyone(caller.scopes)
    recipients = [*_by_key(recipient_ids), *_by_ref(recipient_refs, create=may_create)]
    refused: dict[Any, SendStatus] = {}

    def authorize(new: Collection[Any]) -> Collection[Any]:
        allowed = {
            key for key in new if may_send(user, recipient_id=str(key), scopes=caller.scopes)
        }
        busy = take_recipients({str(key) for key in allowed})
        reached = {key for key in allowed if str(key) not in busy}
        refused.update(dict.fromkeys(allowed - reached, SendStatus.RATE_LIMITED))
        refused.update(dict.fromkeys(set(new) - allowed, SendStatus.FORBIDDEN))
        if reached and content.get("deliver_at") is not None:
            check_may_schedule(caller, count=len(reached))
        return reached

    sent = send_many(
        recipient_ids={key for _, key in recipients if key is not None},
        sender_id=user.pk,
        must_exist=False,
        authorize=authorize,
        **content,
    )
    # Who may not send to users who do not exist must not learn who does: by `send`, they cannot either.
    may_know = may_send(user, recipient_id="", scopes=caller.scopes)
    results = RecipientResults(
        _result(name, key, refused, sent, may_know=may_know) for name, key in recipients
    )
    results.campaign_id = sent.campaign_id
    return results


def _by_key(texts: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Yield each text with the key of the user; None if there is no such user."""
    keys = {text: _key(text) for text in texts}
    existing = existing_users([key for key in keys.values() if key is not None])
    for text in texts:
        yield text, keys[text] if keys[text] in existing else None


def _by_ref(refs: Sequence[str], *, create: bool) -> Iterator[tuple[str, Any]]:
    users = users_named(refs, identity_config().accounts, create=create)
    for ref in refs:
        yield ref, users[ref].pk if ref in users else None


def _key(text: str) -> Any:
    try:
        return user_key(text, field="recipient_ids")
    except InvalidInput:
        return None


def _result(
    name: str, key: Any, refused: Mapping[Any, SendStatus], sent: SentMany, *, may_know: bool
) -> RecipientResult:
    if key is None or key in sent.skipped_recipients:
        unknown = SendStatus.UNKNOWN_RECIPIENT if may_know else SendStatus.FORBIDDEN
        return RecipientResult(name, unknown)
    if key in refused:
        return RecipientResult(name, refused[key])
    if key in sent.scheduled_recipients:
        return RecipientResult(name, SendStatus.SCHEDULED)
    notification_id = sent.notification_ids.get(key)
    if notification_id is None:
        return RecipientResult(name, SendStatus.SUPPRESSED)
    return RecipientResult(name, SendStatus.SENT, notification_id)
