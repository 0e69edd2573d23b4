"""What `live_inbox` exports: the functions that other code calls, each with an asynchronous twin.

A function opens a transaction or joins the caller's; either way, devices are notified after the outermost commit, and
not at all after a rollback. `recipient`, `sender` and `user` are a user or the primary key of one. docs/sending.md says
what else may be passed, and from where.

The twins, `asend` and so on, run in asgiref's thread-sensitive thread, as Django's own asynchronous ORM methods do. A
transaction belongs to a thread. So a twin joins the transaction that synchronous code holds open in that thread (a
`TestCase`, or a synchronous view that called `async_to_sync`); in any other asynchronous code there is no transaction
to join, and each call commits its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from datetime import date, datetime
from functools import wraps
from itertools import islice
from typing import Any, ParamSpec, TypeVar, Unpack

from asgiref.sync import sync_to_async

from live_inbox import services
from live_inbox.campaigns import Campaign, read_campaign
from live_inbox.content import GivenFields
from live_inbox.delivery.position import Position
from live_inbox.errors import InvalidInput
from live_inbox.listing.filters import Conditions, ListFilter
from live_inbox.models import Notification, NotificationPreference, ScheduledSend
from live_inbox.notification_channels import IN_APP
from live_inbox.personal_data import erasure, exporting
from live_inbox.personal_data.erasure import Erased
from live_inbox.personal_data.subject import DataSubject
from live_inbox.selectors import users_who_want
from live_inbox.services import AllRead, BulkChanged, Changed, Deleted, Seen, Sent, SentMany
from live_inbox.services.known_types import known_channel, known_type
from live_inbox.services.preferences import check_preference
from live_inbox.services.topics import clean_topic, subscribers
from live_inbox.services.users import existing_users, user_key
from live_inbox.storable import is_storable_integer

P = ParamSpec("P")
T = TypeVar("T")


_ARGUMENTS = {"recipient_id": "recipient", "recipient_ids": "recipients", "sender_id": "sender"}
"""The arguments of these functions, by the names that the services have for them."""


def _named_as_arguments(function: Callable[P, T]) -> Callable[P, T]:
    """Let InvalidInput name the argument as these functions do."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except InvalidInput as error:
            if error.field not in _ARGUMENTS:
                raise
            # The error itself, with what its class carries.
            error.field = _ARGUMENTS[error.field]
            raise

    return call


@_named_as_arguments
def send(
    *,
    recipient: Any,
    sender: Any = None,
    idempotency_key: str | None = None,
    created_at: date | None = None,
    **content: Unpack[GivenFields],
) -> Sent:
    """Put a notification into a user's inbox.

    The content is `title` and, all optional, `message`, `type` (a slug, "general" by default), `link` (a path, an
    http(s) address or an object with `get_absolute_url`), `data` (a JSON object), `expires_at` (a datetime with a time
    zone), `priority` ("low", "normal", "high" or "urgent"), `icon` (a name or an address), `actor` (a user, a name, or
    a dictionary of `user` or `name`, and `picture`), `target` (an object of a model, or its `type` and `id`), `actions`
    (up to three, each a `label` and an `id` or a `link`) and `format` ("plain" or "markdown"); `live_inbox.content` and
    `live_inbox.content_parts` have their limits. None stands for the default. For a type with templates, the title and
    the message may be left out: they are rendered for the recipient from `context`, a dictionary of what JSON can
    carry. With an idempotency key, unique for each sender, a repeated call returns the first result. `created_at` is
    for notifications that are imported: they show their old time.

    The result's `notification` is None, and `suppressed` true, if the recipient does not want the type. Raises
    InvalidInput, naming the field, for content or users that are not acceptable, and Conflict for a key that was
    used with other content. Nothing is written then.

    With `deliver_at`, a datetime with a time zone or a timedelta, the notification waits: the result has `scheduled`,
    which `cancel` takes. It arrives a few seconds after that moment, as one that is sent then.
    """
    return services.send(
        recipient_id=recipient,
        sender_id=sender,
        idempotency_key=idempotency_key,
        created_at=created_at,
        **content,
    )


@_named_as_arguments
def send_many(
    *,
    recipients: Iterable[Any] | None = None,
    topic: str | None = None,
    sender: Any = None,
    idempotency_key: str | None = None,
    **content: Unpack[GivenFields],
) -> SentMany:
    """Put the same notification into the inboxes of many users, each once. The content is that of `send`.

    The recipients are users or their primary keys, such as a query set, or else those who are subscribed to a topic.

    Each 500 recipients are a transaction of their own, unless the caller has opened one. All recipients are looked up
    first: after InvalidInput nobody has received anything. Users who are deleted after that are skipped, and named in
    the result. With an idempotency key, unique for each sender, a call that died half-way is completed by the same
    call, and no one gets the notification twice; Conflict is raised for a key that was used with other content.

    When the database fails half-way, SendManyInterrupted says how far the call came, SenderDeleted when somebody
    deletes the sender, and SendManyCancelled when somebody cancels it.
    """
    if (recipients is None) is (topic is None):
        raise InvalidInput("Name recipients or a topic.", field="recipients")
    return services.send_many(
        recipient_ids=subscribers(clean_topic(topic)) if recipients is None else recipients,
        sender_id=sender,
        idempotency_key=idempotency_key,
        **content,
    )


@_named_as_arguments
def start_campaign(
    *,
    recipients: Iterable[Any] | None = None,
    topic: str | None = None,
    segment: str | None = None,
    everybody: bool = False,
    sender: Any = None,
    idempotency_key: str | None = None,
    **content: Unpack[GivenFields],
) -> Campaign:
    """Send the same notification to many users in the background; return the campaign, which has not begun.

    It is stored in your transaction, and the servers carry it out, wherever one of them is killed; so does
    `run_campaign`. The recipients are users or their keys, the subscribers of a topic, a segment of the setting
    SEGMENTS, or all active users. Those of the last three are looked up when their turn comes. The content is that of
    `send`; lazy values become what they are in the active language. With an idempotency key, unique for each sender and
    shared with `send_many`, a repeated call returns the campaign as it is now. With a `deliver_at`, nobody gets it
    before that moment.

    Raises InvalidInput, naming the field, and Conflict for a key that was used for something else. Nothing is stored
    then.
    """
    audience = services.audience_of(
        recipients=recipients, topic=topic, segment=segment, everybody=everybody
    )
    return services.start_campaign(
        audience=audience, sender_id=sender, idempotency_key=idempotency_key, **content
    )


def campaign(campaign_id: int) -> Campaign:
    """Return a campaign, or a bulk send with an idempotency key, as it is now. Raises NotFound."""
    return read_campaign(campaign_id)


def run_campaign(campaign_id: int) -> Campaign:
    """Do all that is due of a campaign here and now, along with the servers; return it.

    For commands and workers, and where HOUSEKEEPING is off. Raises NotFound, and the database's error for an inbox that
    stays locked.
    """
    return services.run_campaign(campaign_id=campaign_id)


def cancel_campaign(campaign_id: int) -> Campaign:
    """Send a campaign, or a bulk send with an idempotency key, to nobody else; return it. Raises NotFound.

    Up to 500 recipients still get it, whose transaction is under way. For one that has ended, does nothing.
    """
    return services.cancel_campaign(campaign_id=campaign_id)


def recall_campaign(campaign_id: int) -> Campaign:
    """Delete what a campaign, or a bulk send with an idempotency key, has sent, and send it to nobody else; return it.

    The servers delete it, with an event for each device; so does `run_campaign`. Raises NotFound.
    """
    return services.recall_campaign(campaign_id=campaign_id)


@_named_as_arguments
def subscribe(*, user: Any, topic: str) -> bool:
    """Subscribe a user to a topic, a slug; return whether they were not subscribed before.

    Raises InvalidInput for what is no user or no topic, and for more topics than MAX_TOPICS.
    """
    key = _key(user)
    if not existing_users([key]):
        # The database would refuse it only at the commit.
        raise InvalidInput("There is no such user.", field="user")
    return services.subscribe(user_id=key, topic=topic)


@_named_as_arguments
def unsubscribe(*, user: Any, topic: str) -> bool:
    """Unsubscribe a user from a topic; return whether they were subscribed. Raises what `subscribe` does."""
    return services.unsubscribe(user_id=_key(user), topic=topic)


@_named_as_arguments
def topics(*, user: Any) -> list[str]:
    """Return the topics that a user is subscribed to, sorted. Raises InvalidInput for what is no user."""
    return services.topics_of(_key(user))


@_named_as_arguments
def edit(
    *,
    notification_id: Any = None,
    sender: Any = None,
    idempotency_key: str | None = None,
    **content: Unpack[GivenFields],
) -> Changed:
    """Change the content of a notification in its place, on all devices of its recipient.

    It is named by the object or its number, or by the idempotency key of the `send`, which belongs to its `sender`. The
    content is that of `send`, without a type: what is not given stays, and None stands for the default. With a
    `context`, the templates of the type make the title and the message anew.

    Raises NotFound if there is no such notification, and InvalidInput, naming the field.
    """
    return services.edit(
        notification_id=None if notification_id is None else _number(notification_id),
        sender_id=sender,
        idempotency_key=idempotency_key,
        **content,
    )


@_named_as_arguments
def recall(
    *, notification_id: Any = None, sender: Any = None, idempotency_key: str | None = None
) -> bool:
    """Take back a notification: delete it at its recipient. Return whether it was still there.

    It is named by the object or its number, or by the idempotency key of the `send`, which belongs to its `sender`.
    Raises InvalidInput, naming the field.
    """
    return services.recall(
        notification_id=None if notification_id is None else _number(notification_id),
        sender_id=sender,
        idempotency_key=idempotency_key,
    )


@_named_as_arguments
def cancel(
    *, scheduled_id: Any = None, sender: Any = None, idempotency_key: str | None = None
) -> bool:
    """Cancel a send that waits for its `deliver_at`; return whether that was in time.

    It is named by what `send` has returned as `scheduled`, or its number; or by the idempotency key of the `send`,
    which belongs to its `sender`. False: it has been delivered, or cancelled before. Raises InvalidInput.
    """
    return services.cancel(
        scheduled_id=None if scheduled_id is None else _number_of_scheduled(scheduled_id),
        sender_id=sender,
        idempotency_key=idempotency_key,
    )


@_named_as_arguments
def mark_read(*, user: Any, notification_id: Any) -> Changed:
    """Mark a notification of a user as read: by its number, or the object itself.

    Raises NotFound if they have none with this number, and InvalidInput for what is no user or no number.
    """
    return services.mark_read(user_id=_key(user), notification_id=_number(notification_id))


@_named_as_arguments
def mark_unread(*, user: Any, notification_id: Any) -> Changed:
    """Mark a notification of a user as unread. Takes and raises what `mark_read` does."""
    return services.mark_unread(user_id=_key(user), notification_id=_number(notification_id))


@_named_as_arguments
def mark_all_read(*, user: Any, up_to: Position | None = None) -> AllRead:
    """Mark all notifications of a user as read, or those that had arrived at a position.

    Raises InvalidInput for a position of another inbox, and for what is no user.
    """
    return services.mark_all_read(user_id=_key(user), up_to=up_to)


@_named_as_arguments
def mark_all_read_of(
    *,
    user: Any,
    up_to: Position | None = None,
    undoable: bool = True,
    **conditions: Unpack[Conditions],
) -> BulkChanged:
    """Mark as read what a filter has: `types`, `categories`, `priorities`, `seen`, `folder`, `pinned`, `text`.

    Each 500 notifications are a transaction and an event of their own, unless the caller has opened a transaction. The
    result has a token for `undo`, if it is to be `undoable`. Raises what `mark_all_read` does, and InvalidInput for
    such conditions.
    """
    return services.mark_all_read_of(
        user_id=_key(user), filter=ListFilter.of(**conditions), up_to=up_to, undoable=undoable
    )


@_named_as_arguments
def archive_all(
    *,
    user: Any,
    up_to: Position | None = None,
    undoable: bool = True,
    **conditions: Unpack[Conditions],
) -> BulkChanged:
    """Move what a filter has from the inbox to the archive. Takes and raises what `mark_all_read_of` does."""
    return services.archive_all(
        user_id=_key(user), filter=ListFilter.of(**conditions), up_to=up_to, undoable=undoable
    )


@_named_as_arguments
def delete_all(
    *,
    user: Any,
    up_to: Position | None = None,
    undoable: bool = True,
    **conditions: Unpack[Conditions],
) -> BulkChanged:
    """Delete what a filter has; until it cannot be undone any more, the content is kept apart.

    Takes and raises what `mark_all_read_of` does.
    """
    return services.delete_all(
        user_id=_key(user), filter=ListFilter.of(**conditions), up_to=up_to, undoable=undoable
    )


@_named_as_arguments
def undo(*, user: Any, token: str) -> BulkChanged:
    """Undo a bulk change or a deletion within 30 seconds; raise NotFound if there is none with this token any more."""
    return services.undo(user_id=_key(user), token=token)


@_named_as_arguments
def mark_seen(*, user: Any, up_to: Position | None = None) -> Seen:
    """Note that a user has opened their list: what is in it, or had arrived at a position, is not new any more.

    Raises what `mark_all_read` does.
    """
    return services.mark_seen(user_id=_key(user), up_to=up_to)


@_named_as_arguments
def archive(*, user: Any, notification_id: Any) -> Changed:
    """Move a notification of a user to the archive, read or unread as it is. Takes and raises what `mark_read` does."""
    return services.archive(user_id=_key(user), notification_id=_number(notification_id))


@_named_as_arguments
def unarchive(*, user: Any, notification_id: Any) -> Changed:
    """Move a notification from the archive back to its place. Takes and raises what `mark_read` does."""
    return services.unarchive(user_id=_key(user), notification_id=_number(notification_id))


@_named_as_arguments
def snooze(*, user: Any, notification_id: Any, until: datetime) -> Changed:
    """Take a notification out of a user's list until a moment, when it returns to the top, unread.

    Takes and raises what `mark_read` does, and raises InvalidInput for a moment that has no time zone, has passed, or
    is more than 366 days away.
    """
    return services.snooze(
        user_id=_key(user), notification_id=_number(notification_id), until=until
    )


@_named_as_arguments
def unsnooze(*, user: Any, notification_id: Any) -> Changed:
    """Return a snoozed notification to the top of the list now, unread. Takes and raises what `mark_read` does."""
    return services.unsnooze(user_id=_key(user), notification_id=_number(notification_id))


@_named_as_arguments
def pin(*, user: Any, notification_id: Any) -> Changed:
    """Pin a notification of a user. Takes and raises what `mark_read` does, and raises Conflict for one too many."""
    return services.pin(user_id=_key(user), notification_id=_number(notification_id))


@_named_as_arguments
def unpin(*, user: Any, notification_id: Any) -> Changed:
    """Unpin a notification of a user. Takes and raises what `mark_read` does."""
    return services.unpin(user_id=_key(user), notification_id=_number(notification_id))


@_named_as_arguments
def perform_action(*, user: Any, notification_id: Any, action_id: str) -> Changed:
    """Record that a user has chosen an action of a notification. Takes and raises what `mark_read` does.

    The outcome is recorded once: if there is one, `changed` is false, and `notification.performed_action` has it.
    Raises InvalidInput for an action that the notification does not have, or that is a link.
    """
    return services.perform_action(
        user_id=_key(user), notification_id=_number(notification_id), action_id=action_id
    )


@_named_as_arguments
def delete(*, user: Any, notification_id: Any, undoable: bool = False) -> Deleted:
    """Delete a notification of a user. Takes and raises what `mark_read` does.

    With `undoable`, the result has a token for `undo`, and the content is kept apart for 30 seconds.
    """
    return services.delete(
        user_id=_key(user), notification_id=_number(notification_id), undoable=undoable
    )


@_named_as_arguments
def set_preference(
    *, user: Any, type: str, enabled: bool, channel: str = IN_APP
) -> NotificationPreference:
    """Turn a type of notification on or off for a user, in the inbox or on another of the CHANNELS.

    Raises InvalidInput for a user who does not exist, for what is not a type or not a channel, and for turning off what
    the setting TYPES requires.
    """
    check_preference(type=type, enabled=enabled, channel=channel)
    key = _key(user)
    if not existing_users([key]):
        # The database would refuse it only at the commit.
        raise InvalidInput("There is no such user.", field="user")
    return services.set_preference(user_id=key, type=type, enabled=enabled, channel=channel)


@_named_as_arguments
def wants(*, user: Any, type: str, channel: str = IN_APP) -> bool:
    """Return whether a user wants a type of notification by a channel: what they have chosen, or what is declared.

    A required type is wanted. Costs a query at most. Whether the user exists is not asked. Raises InvalidInput for what
    is no user, and for a type or channel that the site does not have.
    """
    type, channel = known_type(type), known_channel(channel)
    return bool(users_who_want(user_ids=[_key(user)], type=type, channel=channel))


@_named_as_arguments
def who_wants(*, users: Iterable[T], type: str, channel: str = IN_APP) -> list[T]:
    """Return those of these users, or of these primary keys, who want a type by a channel, each once, in their order.

    One query for each thousand. Raises what `wants` does.
    """
    type, channel = known_type(type), known_channel(channel)
    by_key = {user_key(user, field="users"): user for user in users}
    wanted = users_who_want(user_ids=list(by_key), type=type, channel=channel)
    return [user for key, user in by_key.items() if key in wanted]


@_named_as_arguments
def export_user(*, user: Any) -> Iterator[dict[str, Any]]:
    """Yield what the inbox holds about a user, as values of JSON: docs/operating/privacy.md has the records.

    The user may have been deleted: then their primary key finds what others still have of them. Rows are read in pages
    as they are taken. Raises InvalidInput for what is no user.
    """
    return exporting.export_user(DataSubject.of(user))


@_named_as_arguments
def erase_user(
    *, user: Any, delete_sent: bool = False, delete_account: bool = False, dry_run: bool = False
) -> Erased:
    """Erase what the inbox holds about a user, and return how much; with `dry_run`, count it in `left` alone.

    Their notifications, choices and log are deleted. What they have sent to others loses its sender there, on open
    devices too, or is deleted with `delete_sent`. With `delete_account`, the user is deleted at the end, as by
    `user.delete()`. A user who has been deleted already is named by their primary key. A repeated call finds nothing.

    Call it outside of transactions: it makes many, each of a bounded size. Raises InvalidInput for what is no user.
    """
    subject = DataSubject.of(user)
    if dry_run:
        return erasure.count_held(subject)
    return erasure.erase_user(subject, delete_sent=delete_sent, delete_account=delete_account)


def _key(user: Any) -> Any:
    return user_key(user, field="user")


def _number(notification: Any) -> int:
    number = notification.pk if isinstance(notification, Notification) else notification
    if isinstance(number, str) and number.isascii() and number.isdigit():
        number = int(number)
    if not isinstance(number, int) or isinstance(number, bool) or not is_storable_integer(number):
        message = "notification_id must be the number of a notification, or the object itself."
        raise InvalidInput(message, field="notification_id")
    return number


def _number_of_scheduled(scheduled: Any) -> int:
    number = scheduled.pk if isinstance(scheduled, ScheduledSend) else scheduled
    if not isinstance(number, int) or isinstance(number, bool):
        message = "scheduled_id must be the number of a scheduled send, or the object itself."
        raise InvalidInput(message, field="scheduled_id")
    return number


def _async(function: Callable[P, T]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Return the asynchronous twin of a function: see the module's docstring."""

    async def twin(*args: P.args, **kwargs: P.kwargs) -> T:
        return await sync_to_async(function, thread_sensitive=True)(*args, **kwargs)

    twin.__name__ = twin.__qualname__ = f"a{function.__name__}"
    twin.__doc__ = (
        f"Do what `{function.__name__}` does, from asynchronous code.\n\n"
        "    It joins a transaction that synchronous code holds open in asgiref's thread-sensitive thread, and\n"
        "    otherwise commits one of its own.\n    "
    )
    return twin


asend = _async(send)
asend_many = _async(send_many)
astart_campaign = _async(start_campaign)
acampaign = _async(campaign)
arun_campaign = _async(run_campaign)
acancel_campaign = _async(cancel_campaign)
arecall_campaign = _async(recall_campaign)
asubscribe = _async(subscribe)
aunsubscribe = _async(unsubscribe)
atopics = _async(topics)
aedit = _async(edit)
arecall = _async(recall)
acancel = _async(cancel)
amark_read = _async(mark_read)
amark_unread = _async(mark_unread)
amark_all_read = _async(mark_all_read)
amark_seen = _async(mark_seen)
amark_all_read_of = _async(mark_all_read_of)
aarchive_all = _async(archive_all)
adelete_all = _async(delete_all)
aundo = _async(undo)
aarchive = _async(archive)
aunarchive = _async(unarchive)
asnooze = _async(snooze)
aunsnooze = _async(unsnooze)
apin = _async(pin)
aunpin = _async(unpin)
aperform_action = _async(perform_action)
adelete = _async(delete)
aset_preference = _async(set_preference)
awants = _async(wants)
awho_wants = _async(who_wants)
aerase_user = _async(erase_user)


async def aexport_user(*, user: Any) -> AsyncIterator[dict[str, Any]]:
    """Yield what `export_user` does, from asynchronous code."""
    records = export_user(user=user)
    take = sync_to_async(lambda: list(islice(records, _AT_ONCE)), thread_sensitive=True)
    while page := await take():
        for record in page:
            yield record


_AT_ONCE = 100
"""Records of an export that are read in one call of a thread."""
