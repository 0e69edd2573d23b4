"""The tables. Counts are kept beside the notifications, as the product keeps them: none of the peers counts rows."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models


class Inbox(models.Model):
    """The counts of one user."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="inbox"
    )
    last_sequence = models.BigIntegerField(default=0)
    unread_count = models.PositiveIntegerField(default=0)
    total_count = models.PositiveIntegerField(default=0)

    objects: ClassVar[models.Manager[Inbox]] = models.Manager()


class Notification(models.Model):
    """An entry of a user's inbox."""

    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    sender = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        db_index=False,
    )
    type = models.CharField(max_length=64)
    title = models.CharField(max_length=200)
    message = models.TextField()
    link = models.CharField(max_length=500)
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[Notification]] = models.Manager()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["recipient", "id"], name="notification_list")]

    @property
    def read(self) -> bool:
        """Whether it was marked as read."""
        return self.read_at is not None


class InboxEvent(models.Model):
    """One change of an inbox."""

    inbox = models.ForeignKey(
        Inbox, on_delete=models.CASCADE, related_name="events", db_index=False
    )
    sequence = models.BigIntegerField()
    kind = models.CharField(max_length=16)
    payload = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager[InboxEvent]] = models.Manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["inbox", "sequence"], name="inboxevent_sequence")
        ]
