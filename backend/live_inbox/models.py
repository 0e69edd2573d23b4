"""The tables: inboxes, notifications, the log, preferences, topics, bulk sends, revoked tokens, the database's id.

Every change goes through `services` or `maintenance`: a change without an event in the log never reaches a device.
`Notification.objects` therefore refuses to write. The row of an inbox is the lock of everything that belongs to it.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from importlib import import_module
from typing import Any, ClassVar, NoReturn

from django.conf import settings
from django.db import models
from django.db.models import Func, Q
from django.db.models.deletion import get_candidate_relations_to_delete
from django.db.models.functions import Coalesce

from live_inbox.bulk_states import DUE, AudienceKind, BulkState
from live_inbox.content import (
    GROUP_KEY_LENGTH,
    KEY_LENGTH,
    LINK_LENGTH,
    MESSAGE_LENGTH,
    PRIORITIES,
    PRIORITY_LENGTH,
    TITLE_LENGTH,
)
from live_inbox.content_parts import FORMAT_LENGTH, FORMATS, PICTURE_LENGTH
from live_inbox.delivery.position import FINGERPRINTS, Position
from live_inbox.errors import NotFound, UnrecordedWrite
from live_inbox.events import NOT_CHANGES, RECORDED, Folder
from live_inbox.guarded_queryset import GuardedQuerySet
from live_inbox.notification_channels import IN_APP
from live_inbox.notification_types import TYPE_LENGTH

UNREAD = Q(read_at__isnull=True)
READ = Q(read_at__isnull=False)
NOT_NORMAL = ~Q(priority="normal")


def new_epoch() -> str:
    """Return an epoch that no other inbox has had."""
    return secrets.token_hex(6)


def new_fingerprint() -> int:
    """Return a random number that, added to the fingerprint of an inbox, gives that of its next event.

    Added, so that one statement can number the events of many inboxes: what it returns shows the fingerprints before.
    """
    return 1 + secrets.randbelow(FINGERPRINTS - 1)


def new_deployment_key() -> str:
    """Return an id that no other database has."""
    return secrets.token_hex(8)


def delete_rows(collector: Any, field: Any, rows: Any, using: str) -> None:
    """Delete the rows that belong to a deleted user, or to a deleted inbox, by one statement for each table.

    Django's CASCADE loads all rows as soon as one of the project's receivers listens to the deletions of every model,
    and its admin lists them, a million notifications included, and asks for the permission to delete each. None of that
    happens here, and no signals are sent for these rows. Where a table of the project refers to them, Django's CASCADE
    handles both.
    """
    relations: list[Any] = list(get_candidate_relations_to_delete(rows.model._meta))
    if any(relation.field.remote_field.on_delete is not delete_rows for relation in relations):
        models.CASCADE(collector, field, rows, using)
        return
    for relation in relations:
        manager = relation.related_model._base_manager.using(using)
        below = manager.filter(**{f"{relation.field.name}__in": rows})
        delete_rows(collector, relation.field, below, using)
    collector.fast_deletes.append(rows)
    if rows.model is Inbox:
        collector.fast_deletes.insert(0, _InboxLock(rows))


class _InboxLock:
    """Locks inboxes, as the first of a deletion's statements, in the order of the users as everywhere.

    What is being sent to them is committed before, and so deleted, too; what is sent later waits and finds no user.
    Without the lock, a notification that is committed between two statements would fail the deletion.

    What is scheduled and the bulk sends of their users come first, as in the transactions that deliver and that send to
    many: the deletion changes them later on.
    """

    def __init__(self, rows: models.QuerySet[Any]) -> None:
        self.model = rows.model
        self._rows = rows

    def _raw_delete(self, using: str) -> int:
        inboxes = self._rows.using(using)
        users = inboxes.values("pk")
        scheduled = ScheduledSend._base_manager.using(using).filter(
            Q(recipient__in=users) | Q(sender__in=users)
        )
        bulk_sends = BulkSend._base_manager.using(using).filter(sender__in=users)
        for rows in (scheduled, bulk_sends, inboxes):
            list(rows.select_for_update().order_by("pk").values_list("pk", flat=True))
        return 0


# Django passes the query instead of loading its rows first.
delete_rows.lazy_sub_objs = True  # type: ignore[attr-defined]


class Inbox(models.Model):
    """All notifications of one user: its counts, and where its log begins and ends.

    The counts are changed in the same transaction as the notifications, so they are exact, and reading them
    costs the same at any size.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=delete_rows, primary_key=True, related_name="live_inbox"
    )
    epoch = models.CharField(max_length=32, default=new_epoch, editable=False)
    last_sequence = models.BigIntegerField(default=0, editable=False)
    first_sequence = models.BigIntegerField(
        default=1, editable=False, help_text="Oldest event that is still in the log."
    )
    fingerprint = models.IntegerField(
        default=0, editable=False, help_text="Fingerprint of the newest event."
    )
    # Of the folder `inbox`.
    unread_count = models.PositiveIntegerField(default=0, editable=False)
    total_count = models.PositiveIntegerField(default=0, editable=False)
    unseen_count = models.PositiveIntegerField(
        default=0, editable=False, help_text="Unread notifications since the list was last opened."
    )
    archived_count = models.PositiveIntegerField(default=0, editable=False)
    snoozed_count = models.PositiveIntegerField(default=0, editable=False)
    seen_through = models.BigIntegerField(
        default=0, editable=False, help_text="Highest rank when the list was last opened."
    )

    locked_at: datetime | None = None
    """The database's time when the row was locked. Not a column."""

    class Meta:
        verbose_name_plural = "inboxes"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(unread_count__lte=models.F("total_count")),
                name="inbox_unread_lte_total",
            ),
            models.CheckConstraint(
                condition=Q(first_sequence__lte=models.F("last_sequence") + 1),
                name="inbox_first_lte_last",
            ),
        ]

    def __str__(self) -> str:
        return f"Inbox of user {self.pk}"

    @property
    def stored_count(self) -> int:
        """How many notifications there are in all folders."""
        return self.total_count + self.archived_count + self.snoozed_count

    @property
    def position(self) -> Position:
        """The position of the newest event."""
        return Position(self.epoch, self.last_sequence, self.fingerprint)


def forget_sender(collector: Any, field: Any, rows: Any, using: str) -> None:
    """Keep the notifications and the bulk sends of a sender who is deleted, without the sender and without their keys.

    The key is unique for each sender. Without one it would fall among the keys of the system and of other
    senders who are gone, and where two of them are the same, the user could not be deleted.
    """
    collector.add_field_update(field.model._meta.get_field("idempotency_key"), None, rows)
    models.SET_NULL(collector, field, rows, using)


# Django updates them by one statement each instead of loading them first.
forget_sender.lazy_sub_objs = True  # type: ignore[attr-defined]


def rank() -> Coalesce:
    """Return the expression of a notification's place in lists: see `Notification.returned_rank`."""
    return Coalesce("returned_rank", "id", output_field=models.BigIntegerField())


class NegatedRank(Func):
    """Minus the rank: the order of lists, newest first.

    On purpose, the primary key does not have this order. For the newest rows of an inbox by id, PostgreSQL may scan the
    whole table along the primary key, because it assumes that the inbox's rows are evenly spread. For this order, only
    the indexes of inboxes qualify.
    """

    template = "(-%(expressions)s)"
    output_field = models.BigIntegerField()


class NegatedRankOfUnread(NegatedRank):
    """The same for what is unread: written so that only the index of unread ones gives it.

    PostgreSQL takes the conditions of a statement for independent. If nearly all of a table is read, it would look for
    the few read ones of an inbox along the index of all.
    """

    template = "(3 - %(expressions)s)"


class NegatedRankOfRead(NegatedRank):
    """The same for what is read."""

    template = "(4 - %(expressions)s)"


class NegatedRankWithinType(NegatedRank):
    """The same for lists of one type: written so that only the indexes that begin with the type give it."""

    template = "(0 - %(expressions)s)"


class NegatedRankOfPinned(NegatedRank):
    """The same for lists of pinned ones."""

    template = "(1 - %(expressions)s)"


class NegatedRankWithinPriority(NegatedRank):
    """The same for lists of priorities."""

    template = "(2 - %(expressions)s)"


class Notification(models.Model):
    """An entry of a user's inbox.

    Within an inbox, ids grow in the order of the log, because the inbox is locked before the row is inserted.
    """

    id = models.BigAutoField(primary_key=True)
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=delete_rows,
        related_name="live_inbox_notifications",
        db_index=False,
    )
    sender = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=forget_sender,
        null=True,
        blank=True,
        related_name="live_inbox_sent",
    )
    type = models.CharField(max_length=TYPE_LENGTH, default="general")
    title = models.CharField(max_length=TITLE_LENGTH)
    message = models.TextField(max_length=MESSAGE_LENGTH, blank=True)
    link = models.CharField(max_length=LINK_LENGTH, blank=True)
    data = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(editable=False)
    read_at = models.DateTimeField(null=True, blank=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    priority = models.CharField(
        max_length=PRIORITY_LENGTH,
        choices=[(priority, priority) for priority in PRIORITIES],
        default="normal",
    )
    icon = models.CharField(max_length=PICTURE_LENGTH, blank=True)
    actor = models.JSONField(null=True, blank=True)
    target = models.JSONField(null=True, blank=True)
    actions = models.JSONField(null=True, blank=True)
    format = models.CharField(
        max_length=FORMAT_LENGTH,
        choices=[(format, format) for format in FORMATS],
        default="plain",
    )
    folder = models.CharField(
        max_length=8,
        choices=[(folder.value, folder.value) for folder in Folder],
        default=Folder.INBOX.value,
    )
    snoozed_until = models.DateTimeField(null=True, blank=True)
    pinned = models.BooleanField(default=False)
    performed_action = models.CharField(
        max_length=TYPE_LENGTH,
        null=True,
        editable=False,
        help_text="Id of the action that the user has chosen, the first time.",
    )
    performed_at = models.DateTimeField(null=True, editable=False)
    edited_at = models.DateTimeField(null=True, blank=True, editable=False)
    group_key = models.CharField(
        max_length=GROUP_KEY_LENGTH,
        null=True,
        blank=True,
        help_text="Notifications with the same key fold into one row of the list, the newest.",
    )
    group_root = models.BigIntegerField(
        null=True, editable=False, help_text="Id of the first one of its group, if it has others."
    )
    group_count = models.PositiveIntegerField(
        default=1, editable=False, help_text="Notifications of its group, with it, when it came."
    )
    group_actors = models.JSONField(
        null=True, editable=False, help_text="The latest other actors of its group, when it came."
    )
    idempotency_key = models.CharField(max_length=KEY_LENGTH, null=True, blank=True, editable=False)
    given_digest = models.CharField(
        max_length=32,
        null=True,
        editable=False,
        help_text="Hash of what a send with a key was given.",
    )
    added_sequence = models.BigIntegerField(
        editable=False, help_text="Sequence of the event that added it."
    )
    returned_sequence = models.BigIntegerField(
        null=True, editable=False, help_text="Sequence of the event that last returned it."
    )
    returned_rank = models.BigIntegerField(
        null=True,
        editable=False,
        help_text="Since it has returned, its place in lists: a number of the same series as the ids.",
    )

    objects = models.Manager.from_queryset(GuardedQuerySet)()
    unguarded: ClassVar[models.Manager[Notification]] = models.Manager()
    """For the services, and for imports that are followed by `manage.py check_inboxes --fix`."""

    class Meta:
        ordering: ClassVar = ["-id"]
        permissions: ClassVar = [("send_notification", "Can send notifications to other users")]
        # One index for each list of a folder that is read from one end: all, unread, read, unread and read of a type.
        # Pinned ones are few (MAX_PINNED_NOTIFICATIONS): one index serves all of their lists. Those of normal priority,
        # nearly all, are in no index of priorities, so sending them does not pay for it.
        indexes: ClassVar = [
            models.Index("recipient", "folder", NegatedRank(rank()), name="notification_list"),
            models.Index(
                "recipient",
                "folder",
                NegatedRankOfUnread(rank()),
                name="notification_unread",
                condition=UNREAD,
            ),
            models.Index(
                "recipient",
                "folder",
                NegatedRankOfRead(rank()),
                name="notification_read",
                condition=READ,
            ),
            models.Index(
                "recipient",
                "folder",
                "type",
                NegatedRankWithinType(rank()),
                name="notification_type_unread",
                condition=UNREAD,
            ),
            models.Index(
                "recipient",
                "folder",
                "type",
                NegatedRankWithinType(rank()),
                name="notification_type_read",
                condition=READ,
            ),
            models.Index(
                "recipient",
                "folder",
                NegatedRankOfPinned(rank()),
                name="notification_pinned",
                condition=Q(pinned=True),
            ),
            models.Index(
                "recipient",
                "folder",
                "priority",
                NegatedRankWithinPriority(rank()),
                name="notification_prio_unread",
                condition=NOT_NORMAL & UNREAD,
            ),
            models.Index(
                "recipient",
                "folder",
                "priority",
                NegatedRankWithinPriority(rank()),
                name="notification_prio_read",
                condition=NOT_NORMAL & READ,
            ),
            models.Index(
                fields=["snoozed_until", "id"],
                name="notification_snoozed",
                condition=Q(snoozed_until__isnull=False),
            ),
            # With the id, because a bulk send gives thousands of notifications the same moment.
            models.Index(
                fields=["expires_at", "id"],
                name="notification_expiry",
                condition=Q(expires_at__isnull=False),
            ),
            # For `services.grouping`. Only sends with a group key pay for them.
            models.Index(
                fields=["recipient", "group_key", "folder"],
                name="notification_group",
                condition=Q(group_key__isnull=False),
            ),
            models.Index(
                fields=["group_root"],
                name="notification_folded",
                condition=Q(group_root__isnull=False),
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["sender", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False, sender__isnull=False),
                name="notification_key_of_sender",
            ),
            models.UniqueConstraint(
                fields=["idempotency_key"],
                condition=Q(idempotency_key__isnull=False, sender__isnull=True),
                name="notification_key_of_system",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def save(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise UnrecordedWrite: what devices have shown cannot be changed. Fixtures do not call this."""
        raise UnrecordedWrite("save()", "live_inbox.send(), mark_read() or mark_unread()")

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete it as `live_inbox.delete` does, on all devices too. Returns what Django's `delete` does."""
        # The services import this module.
        services = import_module("live_inbox.services")
        try:
            services.delete(user_id=self.recipient_id, notification_id=self.pk)
        except NotFound:
            return 0, {}
        return 1, {self._meta.label: 1}

    @property
    def read(self) -> bool:
        """Whether the user has marked it as read."""
        return self.read_at is not None

    @property
    def rank(self) -> int:
        """Its place in lists, the highest first: the id, or a newer number of the same series since it has returned."""
        return self.pk if self.returned_rank is None else self.returned_rank


MAY_REPEAT_CONTENT = ~Q(kind__in=[kind.value for kind in NOT_CHANGES])
"""The events that may repeat the content of a notification after it was added, those of a newer version included."""


class InboxEvent(models.Model):
    """One change of an inbox: an entry of its log. Sequences count 1, 2, 3, ... without holes."""

    inbox = models.ForeignKey(
        Inbox, on_delete=delete_rows, related_name="events", db_index=False, editable=False
    )
    sequence = models.BigIntegerField(editable=False)
    kind = models.CharField(
        max_length=16, choices=[(kind.value, kind.value) for kind in RECORDED], editable=False
    )
    # Not a foreign key: the log outlives the notification.
    notification_id = models.BigIntegerField(null=True, editable=False)
    payload = models.JSONField(editable=False)
    created_at = models.DateTimeField(editable=False)
    fingerprint = models.IntegerField(default=0, editable=False)
    previous_fingerprint = models.IntegerField(
        default=0, editable=False, help_text="Fingerprint of the event before."
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["inbox", "sequence"], name="inboxevent_sequence")
        ]
        # For `services.erasing`. Of changes only: sending does not pay for it. Of those of a newer version, too.
        indexes: ClassVar = [
            models.Index(
                fields=["inbox", "notification_id"],
                name="inboxevent_changes",
                condition=MAY_REPEAT_CONTENT,
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.sequence}"


class BulkSend(models.Model):
    """A bulk send with an idempotency key or a campaign, and how far it has come.

    The row is written in the transaction of each chunk of recipients, and is the lock of all who work on it. That of a
    call with a key comes with the first chunk: a call that has reached nobody has none.
    """

    id = models.BigAutoField(primary_key=True)
    sender = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=forget_sender,
        null=True,
        related_name="live_inbox_bulk_sends",
        editable=False,
    )
    idempotency_key = models.CharField(
        max_length=KEY_LENGTH,
        null=True,
        editable=False,
        help_text="Empty when the sender has been deleted: nobody can continue it.",
    )
    given_digest = models.CharField(
        max_length=32, editable=False, help_text="Hash of what the calls were given."
    )
    title = models.CharField(
        max_length=TITLE_LENGTH,
        default="",
        editable=False,
        help_text="Title of a call of send_many, or the type whose template makes it. A campaign has its order.",
    )
    recipients = models.PositiveIntegerField(
        editable=False, help_text="How many recipients the latest call had."
    )
    chunks = models.PositiveIntegerField(
        editable=False, help_text="How many transactions have been committed."
    )
    state = models.CharField(
        max_length=16,
        default=BulkState.RUNNING.value,
        choices=[(state.value, state.value) for state in BulkState],
        editable=False,
    )
    reason = models.CharField(
        max_length=200,
        default="",
        editable=False,
        help_text="Why it ended before everybody had it.",
    )
    # Of a campaign. The calls of `send_many` have their recipients themselves, and their scheduled rows.
    deliver_at = models.DateTimeField(
        null=True, editable=False, help_text="When it begins. Empty: at once."
    )
    last_recipient = models.TextField(
        null=True,
        editable=False,
        help_text="Key of the last recipient, in the order of keys, who has been dealt with.",
    )
    left = models.TextField(
        default="[]",
        editable=False,
        help_text="JSON: keys before that one whose inboxes were locked. They come last.",
    )
    started_at = models.DateTimeField(editable=False)
    changed_at = models.DateTimeField(db_index=True, editable=False)

    class Meta:
        default_permissions = ("view",)
        indexes: ClassVar = [
            models.Index(
                fields=["id"],
                name="bulksend_due",
                condition=Q(state__in=[state.value for state in DUE]),
            )
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["sender", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False, sender__isnull=False),
                name="bulksend_key_of_sender",
            ),
            models.UniqueConstraint(
                fields=["idempotency_key"],
                condition=Q(idempotency_key__isnull=False, sender__isnull=True),
                name="bulksend_key_of_system",
            ),
        ]

    def __str__(self) -> str:
        return self.idempotency_key or f"Bulk send {self.pk}"


class BulkSendChunk(models.Model):
    """The recipients that one transaction of a bulk send has dealt with, and what became of each."""

    bulk_send = models.ForeignKey(
        BulkSend, on_delete=delete_rows, related_name="chunk_rows", db_index=False, editable=False
    )
    number = models.PositiveIntegerField(editable=False)
    sent = models.PositiveIntegerField(editable=False)
    suppressed = models.PositiveIntegerField(editable=False)
    failed = models.PositiveIntegerField(
        default=0,
        editable=False,
        help_text="Recipients to whom it could not be sent, or who may not be sent to. They have no outcome.",
    )
    recalled = models.PositiveIntegerField(
        default=0, editable=False, help_text="Notifications that a recall has deleted."
    )
    is_recalled = models.BooleanField(
        default=False, editable=False, help_text="Whether a recall has dealt with all of them."
    )
    # Text, because the database never looks inside: as jsonb it takes several times the space.
    outcomes = models.TextField(
        editable=False,
        help_text="JSON: pairs of a recipient and the id of their notification, null for a type that is off.",
    )

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["bulk_send", "number"], name="bulksendchunk_number")
        ]

    def __str__(self) -> str:
        return f"{self.bulk_send_id}/{self.number}"


class CampaignOrder(models.Model):
    """What a campaign sends, and to whom: any process can carry it out. It never changes."""

    bulk_send = models.OneToOneField(
        BulkSend,
        on_delete=delete_rows,
        primary_key=True,
        related_name="order",
        editable=False,
    )
    audience = models.CharField(
        max_length=16,
        choices=[(kind.value, kind.value) for kind in AudienceKind],
        editable=False,
    )
    audience_name = models.CharField(
        max_length=TYPE_LENGTH, default="", editable=False, help_text="The topic or the segment."
    )
    # Text, because the database never looks inside.
    recipient_keys = models.TextField(
        default="[]", editable=False, help_text="JSON: the keys of the users, if they are named."
    )
    content = models.JSONField(
        editable=False, help_text="The fields that were given, and the context of the templates."
    )
    language = models.CharField(
        max_length=32,
        default="",
        editable=False,
        help_text="Language of those whose own is not known. Empty: that of the process.",
    )
    has_sender = models.BooleanField(
        editable=False, help_text="Whether it ends when there is no sender any more."
    )
    scopes = models.JSONField(
        null=True,
        editable=False,
        help_text="Scopes with which SEND_POLICY is asked for each recipient. Null: it is not asked.",
    )

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"Order of bulk send {self.bulk_send_id}"


class TopicSubscription(models.Model):
    """A user who is subscribed to a topic."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=delete_rows,
        related_name="live_inbox_topics",
    )
    topic = models.CharField(max_length=TYPE_LENGTH)

    class Meta:
        constraints: ClassVar = [
            # In this order, because campaigns read the users of a topic page by page.
            models.UniqueConstraint(fields=["topic", "user"], name="topicsubscription_of_user")
        ]

    def __str__(self) -> str:
        return self.topic


class ConnectionReport(models.Model):
    """What one server process has answered to the question which sockets a user has open. Removed after minutes."""

    inquiry = models.CharField(max_length=32, editable=False)
    process = models.CharField(max_length=200, editable=False)
    sockets = models.JSONField(editable=False)
    created_at = models.DateTimeField(db_index=True, editable=False)

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["inquiry", "process"], name="connectionreport_process")
        ]

    def __str__(self) -> str:
        return f"{self.inquiry}/{self.process}"


class UndoStep(models.Model):
    """What one transaction of a bulk change or a deletion has changed: what is needed to undo it, for a short time."""

    id = models.BigAutoField(primary_key=True)
    inbox = models.ForeignKey(
        Inbox, on_delete=delete_rows, related_name="undo_steps", db_index=False, editable=False
    )
    token_digest = models.CharField(max_length=64, editable=False)
    kind = models.CharField(max_length=16, editable=False, help_text="Kind of the event.")
    sequence = models.BigIntegerField(editable=False, help_text="Sequence of the event.")
    changed_at = models.DateTimeField(editable=False)
    expires_at = models.DateTimeField(db_index=True, editable=False)
    # Text, because the database never looks inside.
    content = models.TextField(
        editable=False,
        help_text="JSON: the ids of the notifications, or the rows of those that were deleted.",
    )

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["inbox", "token_digest", "sequence"], name="undostep_sequence"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.sequence}"


class ScheduledSend(models.Model):
    """A send to one user whose time is still to come. Its transaction turns the row into a notification.

    A row of its own, not a notification that is hidden: ids are in the order of the log, and every list, count and
    repair is of what has arrived. What a deleted user was to get, or has scheduled, goes with them.
    """

    id = models.BigAutoField(primary_key=True)
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=delete_rows,
        related_name="live_inbox_scheduled",
        editable=False,
    )
    sender = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=delete_rows,
        null=True,
        related_name="live_inbox_scheduled_by_them",
        editable=False,
    )
    bulk_send = models.ForeignKey(
        BulkSend, on_delete=delete_rows, null=True, related_name="scheduled_rows", editable=False
    )
    deliver_at = models.DateTimeField(editable=False)
    content = models.JSONField(editable=False, help_text="What the notification will consist of.")
    idempotency_key = models.CharField(max_length=KEY_LENGTH, null=True, editable=False)
    given_digest = models.CharField(max_length=32, null=True, editable=False)
    created_at = models.DateTimeField(editable=False)

    class Meta:
        default_permissions = ("view",)
        indexes: ClassVar = [models.Index(fields=["deliver_at", "id"], name="scheduledsend_due")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["sender", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False, sender__isnull=False),
                name="scheduledsend_key_of_sender",
            ),
            models.UniqueConstraint(
                fields=["idempotency_key"],
                condition=Q(idempotency_key__isnull=False, sender__isnull=True),
                name="scheduledsend_key_of_system",
            ),
        ]

    def __str__(self) -> str:
        return str(self.content.get("title", ""))


class WebhookDelivery(models.Model):
    """An action that a user has chosen, until the webhook has received it: a row of the outbox.

    It has no foreign keys: what was decided is delivered although the notification, or the user, is deleted meanwhile.
    """

    id = models.BigAutoField(primary_key=True)
    message_id = models.CharField(
        max_length=40, editable=False, help_text="The same for all attempts: `webhook-id`."
    )
    notification_id = models.BigIntegerField(editable=False)
    # Text, because it is signed as it is.
    body = models.TextField(editable=False, help_text="JSON, as it is sent.")
    attempts = models.PositiveIntegerField(default=0, editable=False)
    next_attempt_at = models.DateTimeField(
        null=True,
        editable=False,
        help_text="During an attempt, when another process may make the next one. Empty: never.",
    )
    failed_at = models.DateTimeField(
        null=True, editable=False, help_text="When the last attempt failed after which none comes."
    )
    last_error = models.CharField(max_length=200, default="", editable=False)
    created_at = models.DateTimeField(editable=False)

    class Meta:
        verbose_name_plural = "webhook deliveries"
        default_permissions = ("view", "change")
        indexes: ClassVar = [
            models.Index(
                fields=["next_attempt_at", "id"],
                name="webhookdelivery_due",
                condition=Q(next_attempt_at__isnull=False),
            ),
            models.Index(
                fields=["failed_at"],
                name="webhookdelivery_failed",
                condition=Q(failed_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.message_id


class SuppressedSend(models.Model):
    """How many recipients one transaction has passed over, because they had turned the type off.

    A row for each such transaction, and no counter of the day: to count there, sends would wait for each other, and
    deadlock with what locks inboxes.
    """

    id = models.BigAutoField(primary_key=True)
    type = models.CharField(max_length=TYPE_LENGTH, editable=False)
    recipients = models.PositiveIntegerField(editable=False)
    created_at = models.DateTimeField(db_index=True, editable=False)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.recipients} of {self.type}"


class NotificationPreference(models.Model):
    """Whether a user receives a type of notification by a channel. Without a row, it is as the type is declared."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=delete_rows,
        related_name="live_inbox_preferences",
        db_index=False,
    )
    type = models.CharField(max_length=TYPE_LENGTH)
    channel = models.CharField(max_length=TYPE_LENGTH, default=IN_APP)
    enabled = models.BooleanField(default=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "type", "channel"], name="preference_of_channel"
            )
        ]

    def __str__(self) -> str:
        return f"{self.type} ({self.channel}): {'on' if self.enabled else 'off'}"


class TokenRevocation(models.Model):
    """What was revoked of a user's: all tokens and sessions from before a moment, and single tokens."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=delete_rows,
        primary_key=True,
        related_name="live_inbox_token_revocation",
    )
    not_before = models.DateTimeField(
        null=True,
        help_text="Tokens issued, and sessions begun, before this moment are refused.",
    )
    token_ids = models.JSONField(
        default=dict,
        help_text="The ids (jti) of single tokens that are refused, each with its expiry in unix seconds.",
    )

    class Meta:
        verbose_name = "token revocation"
        verbose_name_plural = "token revocations"

    def __str__(self) -> str:
        if self.not_before is None:
            return f"single tokens of user {self.user_id}"
        return f"tokens of user {self.user_id} from before {self.not_before:%Y-%m-%d %H:%M:%S}"


class Deployment(models.Model):
    """The id of this database, in the one row that the table has.

    The names of channel-layer groups are made of it and of the place of the database (`live_inbox.deployment_id`).
    Sites whose databases differ therefore never receive each other's doorbells, though they share a Redis and a prefix
    and have users with equal keys. A copy of a database has the same row, but another place.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    key = models.CharField(max_length=32, default=new_deployment_key, editable=False)
    cluster = models.CharField(
        max_length=64,
        default="",
        editable=False,
        help_text="System identifier and timeline of PostgreSQL when they were last read.",
    )
    renewed_through = models.TextField(
        null=True,
        editable=False,
        help_text="While inboxes get new epochs after a failover: the user up to whom they have.",
    )

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(id=1), name="deployment_has_one_row")
        ]

    def __str__(self) -> str:
        return self.key
