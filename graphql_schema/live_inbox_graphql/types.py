"""The object types: users, notifications, their list, preferences."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Self, TypeVar, cast

import strawberry
from strawberry.relay import Node, PageInfo
from strawberry.scalars import JSON

from live_inbox import models, selectors
from live_inbox.content import CONTENT_FIELDS, GivenFields, clean_seconds
from live_inbox.errors import InvalidInput
from live_inbox.events import Person, Snapshot
from live_inbox.snapshots import shown_icon
from live_inbox_graphql import cursors, ids
from live_inbox_graphql.target_links import link_of

T = TypeVar("T")


@strawberry.type(description="A user, as other users see them.")
class InboxUser:
    id: strawberry.ID = strawberry.field(description="`user:` and the primary key.")
    username: str = strawberry.field(
        description="The username; empty if it is an e-mail address, or if the site does not show usernames."
    )
    name: str = strawberry.field(description="The name to display; empty if unknown.")

    @classmethod
    def of(cls, person: Person) -> InboxUser:
        """Return the user for a person in an event."""
        return cls(id=ids.user_id(person.id), username=person.username, name=person.name)


@strawberry.enum(description="Where a notification is. Each is in exactly one folder.")
class NotificationFolder(Enum):
    INBOX = strawberry.enum_value("inbox", description="The inbox.")
    ARCHIVE = strawberry.enum_value("archive", description="The archive.")
    SNOOZED = strawberry.enum_value(
        "snoozed",
        description="Out of the inbox until `snoozedUntil`. Then it returns to the top, unread.",
    )
    GROUPED = strawberry.enum_value(
        "grouped",
        description="Folded under a newer notification of its group, which stands for it in lists and counts.",
    )


@strawberry.enum(description="How much a notification matters.")
class NotificationPriority(Enum):
    LOW = strawberry.enum_value("low", description="Can wait.")
    NORMAL = strawberry.enum_value("normal", description="The usual.")
    HIGH = strawberry.enum_value("high", description="Matters more than most.")
    URGENT = strawberry.enum_value("urgent", description="Cannot wait.")


@strawberry.enum(description="What the message of a notification is written in.")
class MessageFormat(Enum):
    PLAIN = strawberry.enum_value("plain", description="Plain text.")
    MARKDOWN = strawberry.enum_value(
        "markdown",
        description="A subset of Markdown: bold, italic, code, links and lists. It reads well as plain text, too.",
    )


@strawberry.type(description="Who did what a notification is about.")
class NotificationActor:
    user_id: strawberry.ID | None = strawberry.field(
        description="`user:` and the primary key, if it is a user."
    )
    name: str = strawberry.field(
        description="The name, of a user as it was when the notification was sent. May be empty for a user."
    )
    picture: str | None = strawberry.field(
        description="The address of a picture: a path on the site or an http(s) address."
    )

    @classmethod
    def of(cls, actor: Mapping[str, Any]) -> NotificationActor:
        """Return the actor for that of a snapshot."""
        user = actor.get("user")
        return cls(
            user_id=None if user is None else ids.user_id(user),
            name=actor["name"],
            picture=actor.get("picture"),
        )


@strawberry.type(description="What a notification is about: an object of the site.")
class NotificationTarget:
    type: str = strawberry.field(description="The model, such as `shop.order`.")
    object_id: str = strawberry.field(description="The primary key as text.")

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="The link of the object, as the site says; null if it is gone, or has none. It is read from the "
        "database when it is asked for, for all notifications of an answer together: leave it out of subscriptions, "
        "and ask for it when it is needed."
    )
    def link(self) -> str | None:
        return link_of((self.type, self.object_id))

    @classmethod
    def of(cls, target: Mapping[str, Any]) -> NotificationTarget:
        """Return the target for that of a snapshot."""
        return cls(type=target["type"], object_id=target["id"])


@strawberry.type(description="What can be done: a link, or what `performAction` records.")
class NotificationAction:
    label: str = strawberry.field(description="The text of its button.")
    action_id: str | None = strawberry.field(
        description="The id for `performAction`; null if it is a link."
    )
    link: str | None = strawberry.field(
        description="The link: a path on the site or an http(s) address; null if it has an id."
    )

    @classmethod
    def of(cls, action: Mapping[str, Any]) -> NotificationAction:
        """Return the action for that of a snapshot."""
        return cls(label=action["label"], action_id=action.get("id"), link=action.get("link"))


@strawberry.type(description="A notification in the caller's inbox.")
class Notification(Node):
    id: strawberry.ID = strawberry.field(
        description="The id: a number, larger for later notifications of the inbox."
    )
    type: str = strawberry.field(description="The type: a slug such as `general` or `approval`.")
    title: str = strawberry.field(description="The title, one line.")
    message: str = strawberry.field(description="The text; may be empty.")
    link: str | None = strawberry.field(
        description="The link: a path on the site or an http(s) address."
    )
    data: JSON = strawberry.field(description="A JSON object for programs, from the sender.")
    read: bool = strawberry.field(description="Whether it is marked as read.")
    read_at: datetime | None = strawberry.field(description="When it was marked as read.")
    created_at: datetime = strawberry.field(description="When it was sent.")
    expires_at: datetime | None = strawberry.field(
        description="When it is deleted automatically, with a `NotificationDeleted` event; null if never."
    )
    sender: InboxUser | None = strawberry.field(
        description="The sender; null for the system and for deleted users."
    )
    priority: NotificationPriority = strawberry.field(description="How much it matters.")
    icon: str | None = strawberry.field(
        description="The name of an icon, or the address of a picture: its own, or that of its type."
    )
    actor: NotificationActor | None = strawberry.field(
        description="Who did what it is about; null if it does not say."
    )
    target: NotificationTarget | None = strawberry.field(
        description="What it is about; null if it does not say."
    )
    actions: list[NotificationAction] = strawberry.field(
        description="What can be done, three at most."
    )
    format: MessageFormat = strawberry.field(description="What `message` is written in.")
    folder: NotificationFolder = strawberry.field(description="Where it is.")
    snoozed_until: datetime | None = strawberry.field(
        description="When it returns to the inbox; null unless it is snoozed."
    )
    pinned: bool = strawberry.field(description="Whether it is pinned.")
    performed_action: str | None = strawberry.field(
        description="The id of the action that the user has chosen; null as long as they have chosen none."
    )
    performed_at: datetime | None = strawberry.field(
        description="When it was chosen; null as long as none is."
    )
    rank: strawberry.ID = strawberry.field(
        description="Its place in lists, the highest first: a number, to be compared as such. It is the id, or, since "
        "it has returned from a snooze, a newer number of the same series."
    )

    edited_at: datetime | None = strawberry.field(
        description="When its content was last changed by `editNotification`; null if never."
    )
    group_key: str | None = strawberry.field(
        description="With the same key, notifications fold into one, the newest; null without a group."
    )
    group_count: int = strawberry.field(
        description="How many notifications of its group there had been when it came, with it: it stands for all of "
        "them. The latest 50 are kept; `filter: {groupOf: id}` lists those that are folded under it."
    )
    group_actors: list[NotificationActor] = strawberry.field(
        description="The latest other actors of its group, three at most."
    )

    @classmethod
    def resolve_id_attr(cls) -> str:
        """Return the attribute that is the id. Strawberry would make ids of its own: these are unique as they are."""
        return "id"

    @classmethod
    def of(cls, snapshot: Snapshot) -> Notification:
        """Return the notification for a snapshot. Makes no query."""
        content: dict[str, Any] = {name: getattr(snapshot, name) for name in CONTENT_FIELDS}
        content |= {
            "link": snapshot.link or None,
            "data": JSON(snapshot.data),
            "priority": NotificationPriority(snapshot.priority),
            "icon": shown_icon(snapshot),
            "actor": None if snapshot.actor is None else NotificationActor.of(snapshot.actor),
            "target": None if snapshot.target is None else NotificationTarget.of(snapshot.target),
            "actions": [NotificationAction.of(action) for action in snapshot.actions or ()],
            "format": MessageFormat(snapshot.format),
        }
        return cls(
            id=ids.notification_id(snapshot.id),
            read=snapshot.read,
            read_at=snapshot.read_at,
            created_at=snapshot.created_at,
            sender=None if snapshot.sender is None else InboxUser.of(snapshot.sender),
            folder=NotificationFolder(snapshot.folder),
            snoozed_until=snapshot.snoozed_until,
            pinned=snapshot.pinned,
            performed_action=snapshot.performed_action,
            performed_at=snapshot.performed_at,
            rank=ids.notification_id(snapshot.rank),
            edited_at=snapshot.edited_at,
            group_count=snapshot.group_count,
            group_actors=[NotificationActor.of(actor) for actor in snapshot.group_actors or ()],
            **content,
        )


@strawberry.input(
    description="Who did what a notification is about: either a user, or a name; and perhaps a picture."
)
class ActorInput:
    user_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="A user's id or plain primary key: yourself, or whom you may send to.",
    )
    name: str | None = strawberry.field(
        default=None, description="A name of at most 200 characters."
    )
    picture: str | None = strawberry.field(
        default=None,
        description="The address of a picture: a path on the site or an http(s) address.",
    )

    def value(self) -> dict[str, Any]:
        """Return the actor as the service takes it."""
        user = None if self.user_id is None else ids.plain_user_id(self.user_id)
        return {"user": user, "name": self.name, "picture": self.picture}


@strawberry.input(description="What a notification is about: an object of the site.")
class TargetInput:
    type: str = strawberry.field(description="The model, such as `shop.order`.")
    object_id: str = strawberry.field(description="The primary key as text.")

    def value(self) -> dict[str, Any]:
        """Return the target as the service takes it."""
        return {"type": self.type, "id": self.object_id}


@strawberry.input(description="What can be done. It has either an id or a link.")
class ActionInput:
    label: str = strawberry.field(description="The text of its button, at most 60 characters.")
    action_id: str | None = strawberry.field(
        default=None, description="The id for `performAction`: a slug, different for each action."
    )
    link: str | None = strawberry.field(
        default=None, description="The link: a path on the site or an http(s) address."
    )

    def value(self) -> dict[str, Any]:
        """Return the action as the service takes it."""
        return {"label": self.label, "id": self.action_id, "link": self.link}


def expiry(moment: T, seconds: int | None) -> T | timedelta:
    """Return when a notification expires: the moment that was given, or the time from now on. Raises InvalidInput."""
    if seconds is None:
        return moment
    if moment is not None and moment is not strawberry.UNSET:
        raise InvalidInput(
            "expires_in_seconds cannot be given together with a moment.", field="expires_in_seconds"
        )
    return clean_seconds(seconds, field="expires_in_seconds")


@strawberry.input(description="The content of a notification.")
class ContentInput:
    """The fields that are common to what sends: not a type of the schema by itself."""

    title: str | None = strawberry.field(
        default=None,
        description="The title: at most 200 characters. Line breaks and tabs become blanks; other control characters "
        "are refused. Needed, unless the type has a template for it.",
    )
    message: str | None = strawberry.field(
        default=None,
        description="The text, at most 4000 characters. Null: from the template of the type; empty without one.",
    )
    type: str = strawberry.field(
        default="general",
        description="The type: a slug of letters, digits, `-`, `_` and `.`.",
    )
    data: JSON | None = strawberry.field(
        default=None,
        description="A JSON object for the recipient's programs, of bounded size.",
    )
    link: str | None = strawberry.field(
        default=None, description="The link: a path on the site or an http(s) address."
    )
    expires_at: datetime | None = strawberry.field(
        default=None,
        description="When it is deleted automatically: a time in the future. It is deleted a few seconds later, "
        "as if by the recipient. Null: as the type is declared, or never.",
    )
    expires_in_seconds: int | None = strawberry.field(
        default=None,
        description="The same, as a time from now on, in place of `expiresAt`. A repeated call names the same time.",
    )
    context: JSON | None = strawberry.field(
        default=None,
        description="A JSON object from which the templates of the type make a title and a message that are null, in "
        "the language and the time zone of the recipient.",
    )
    priority: NotificationPriority = strawberry.field(
        default=NotificationPriority.NORMAL, description="How much it matters."
    )
    icon: str | None = strawberry.field(
        default=None,
        description="The name of an icon, a path on the site or an http(s) address. Null: that of the type.",
    )
    actor: ActorInput | None = strawberry.field(
        default=None, description="Who did what it is about."
    )
    target: TargetInput | None = strawberry.field(default=None, description="What it is about.")
    actions: list[ActionInput] | None = strawberry.field(
        default=None, description="What can be done, three at most."
    )
    format: MessageFormat | None = strawberry.field(
        default=None,
        description="What `message` is written in. Null: as the type is declared, or plain text.",
    )

    group_key: str | None = strawberry.field(
        default=None,
        description="At most 200 characters. With the same key, notifications of an inbox fold into one row of the "
        "list, the newest.",
    )
    deliver_at: datetime | None = strawberry.field(
        default=None,
        description="When it arrives: within 366 days, and a few seconds after that moment. Until then nothing of it "
        "is there. Null, or a time that has come: at once.",
    )

    def content(self) -> GivenFields:
        """Return the content as the service takes it."""
        content: Any = {"deliver_at": self.deliver_at}
        for name in (*CONTENT_FIELDS, "context"):
            content[name] = _plain(getattr(self, name))
        content["expires_at"] = expiry(self.expires_at, self.expires_in_seconds)
        return cast("GivenFields", content)


def _plain(value: Any) -> Any:
    """Return a value of an input as the service takes it."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, ActorInput | TargetInput | ActionInput):
        return value.value()
    return value


@strawberry.input(description="A notification to send.")
class SendInput(ContentInput):
    recipient_id: strawberry.ID = strawberry.field(
        description="The recipient: a user's id or plain primary key."
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="A string of your choice that makes retries safe: the same key with the same content "
        "returns the first result; with other content it is a CONFLICT.",
    )


@strawberry.input(description="A notification to send to many users. Name at least one.")
class SendManyInput(ContentInput):
    recipient_ids: list[strawberry.ID] = strawberry.field(
        default_factory=list, description="Recipients: users' ids or plain primary keys."
    )
    recipient_refs: list[str] = strawberry.field(
        default_factory=list,
        description="Recipients as tokens name them: for services whose accounts live elsewhere. Where tokens create "
        "users, a service token creates those who are missing.",
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="A string of your choice that makes retries safe: each recipient gets one notification for a key, "
        "also after deleting it. With other content it is a CONFLICT.",
    )


@strawberry.type(description="A send that waits for its time.")
class ScheduledSend:
    id: strawberry.ID = strawberry.field(description="The id, for `cancelSend`.")
    deliver_at: datetime = strawberry.field(description="When the notification arrives.")

    @classmethod
    def of(cls, row: models.ScheduledSend) -> ScheduledSend:
        """Return the send for a row."""
        return cls(id=ids.scheduled_id(row.pk), deliver_at=row.deliver_at)


@strawberry.type(description="A notification in a list, with its cursor.")
class NotificationEdge:
    cursor: str = strawberry.field(description="An opaque cursor for `after` and `before`.")
    node: Notification = strawberry.field(description="The notification.")


@strawberry.type(
    description="A page of notifications, newest first, with the state of the inbox in the same database "
    "snapshot."
)
class NotificationConnection:
    edges: list[NotificationEdge] = strawberry.field(
        description="The notifications with their cursors."
    )
    nodes: list[Notification] = strawberry.field(description="The notifications without cursors.")
    page_info: PageInfo = strawberry.field(
        description="Whether there are more pages, and their cursors."
    )
    stopped_early: bool = strawberry.field(
        description="Whether the page is short because the search has looked at enough notifications: go on from "
        "`pageInfo.endCursor`, or `startCursor` with `last`. Only with filters by text, or by priority beside others."
    )
    total_count: int = strawberry.field(
        description="The number of notifications in the folder `INBOX`, whatever the page and the filter."
    )
    unread_count: int = strawberry.field(
        description="The number of unread notifications in the folder `INBOX`, whatever the page and the filter."
    )
    unseen_count: int = strawberry.field(
        description="The number of unread notifications that came into the folder `INBOX` since `markSeen`: for a "
        "badge."
    )
    archived_count: int = strawberry.field(
        description="The number of notifications in the folder `ARCHIVE`."
    )
    snoozed_count: int = strawberry.field(
        description="The number of notifications in the folder `SNOOZED`."
    )
    position: str = strawberry.field(
        description="The position of the inbox in the snapshot of the page. `notificationEvents(after: ...)` with "
        "this position continues the page without gaps or duplicates."
    )

    @classmethod
    def of(cls, page: selectors.Page) -> NotificationConnection:
        """Return the connection for a page."""
        nodes = [Notification.of(snapshot) for snapshot in page.notifications]
        places = [cursors.encode(snapshot.rank) for snapshot in page.notifications]
        return cls(
            edges=[
                NotificationEdge(cursor=cursor, node=node)
                for cursor, node in zip(places, nodes, strict=True)
            ],
            nodes=nodes,
            page_info=PageInfo(
                has_next_page=page.has_older,
                has_previous_page=page.has_newer,
                start_cursor=_cursor(page.newest_rank),
                end_cursor=_cursor(page.oldest_rank),
            ),
            stopped_early=page.examined_to is not None,
            total_count=page.inbox.total_count,
            unread_count=page.inbox.unread_count,
            unseen_count=page.inbox.unseen_count,
            archived_count=page.inbox.archived_count,
            snoozed_count=page.inbox.snoozed_count,
            position=str(page.inbox.position),
        )


def _cursor(rank: int | None) -> str | None:
    return None if rank is None else cursors.encode(rank)


@strawberry.type(
    description="A channel by which notifications reach users: the inbox, or one that the site itself delivers by."
)
class NotificationChannel:
    channel: str = strawberry.field(description="The channel: a slug. `in_app` is the inbox.")
    label: str = strawberry.field(
        description="The name of the channel for users, in the caller's language; the channel itself if the site "
        "declares none."
    )

    @classmethod
    def of(cls, name: selectors.ChannelName) -> NotificationChannel:
        """Return the object for a channel."""
        return cls(channel=name.channel, label=name.label)


@strawberry.type(description="Whether a user receives notifications of one type by one channel.")
class NotificationChannelPreference:
    channel: str = strawberry.field(description="The channel: a slug. `in_app` is the inbox.")
    label: str = strawberry.field(
        description="The name of the channel for users, in the caller's language; the channel itself if the site "
        "declares none."
    )
    enabled: bool = strawberry.field(
        description="Whether notifications of the type are to reach the caller by this channel."
    )
    required: bool = strawberry.field(
        description="Whether the type cannot be turned off on this channel."
    )

    @classmethod
    def of(cls, state: selectors.ChannelState) -> NotificationChannelPreference:
        """Return the object for what is known of the type and the channel."""
        return cls(
            channel=state.channel,
            label=state.label,
            enabled=state.enabled,
            required=state.required,
        )


@strawberry.type(description="Common to what a user wants of a type.")
class _TypeState:
    """The fields that are common to a type and to a preference: not a type of the schema by itself."""

    type: str = strawberry.field(description="The type of notification: a slug.")
    enabled: bool = strawberry.field(
        description="Whether notifications of this type are delivered to the caller's inbox."
    )
    required: bool = strawberry.field(
        description="Whether this type cannot be turned off in the inbox."
    )
    label: str = strawberry.field(
        description="The name of the type for users, in the caller's language; the type itself if the site declares "
        "none."
    )
    explanation: str = strawberry.field(
        name="description",
        description="What the type is about, in the caller's language; empty if the site declares nothing.",
    )
    category: str | None = strawberry.field(
        description="A slug under which it may be shown with other types; null if the site declares none."
    )
    icon: str | None = strawberry.field(
        description="The name of an icon, or the https address of a picture; null if the site declares none."
    )
    channels: list[NotificationChannelPreference] = strawberry.field(
        description="What the caller wants of this type by each channel of the site. The inbox is the first."
    )

    @classmethod
    def of(cls, state: selectors.PreferenceState) -> Self:
        """Return the object for what is known of the type."""
        return cls(
            type=state.type,
            enabled=state.enabled,
            required=state.required,
            label=state.label,
            explanation=state.description,
            category=state.category or None,
            icon=state.icon or None,
            channels=[NotificationChannelPreference.of(each) for each in state.channels],
        )


@strawberry.type(
    description="A type of notification that the site declares. Others may be sent, too."
)
class NotificationType(_TypeState):
    pass


@strawberry.type(description="Whether a user receives notifications of one type.")
class NotificationPreference(_TypeState):
    pass
