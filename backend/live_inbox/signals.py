"""Django signals of what happens in inboxes, for your own code: sent after the commit, and not after a rollback.

    from django.dispatch import receiver
    from live_inbox.signals import notification_sent

    @receiver(notification_sent)
    def push(sender, *, event, user_id, notification, **kwargs): ...

Every signal has the class `Notification` as its sender. Receivers run in the process, and in the thread, that made the
change. A receiver that fails is logged to `django.dispatch`; neither the change nor another receiver notices.

Arguments of all signals but `notifications_sent`:

- `event`: the `live_inbox.events.Event` of the log;
- `user_id`: the primary key of the user whose inbox it is, of the type that the user model has;
- `notification`: the `live_inbox.events.Snapshot` of the notification right after the event. It is None after a
  deletion, an expiry or a recall, where `event.notification_id` and `event.type` say what is gone, and after several
  were read, seen or changed at once.

Django's `post_save` is not sent for notifications: services write them by statements of their own.
"""

from __future__ import annotations

from django.dispatch import Signal

notification_sent = Signal(use_caching=True)
"""A notification was put into an inbox. A bulk send gives one signal for each recipient."""

notifications_sent = Signal(use_caching=True)
"""The same, once for each send, and for each 500 recipients of a bulk send. Its one argument is `events`, a list."""

notification_read = Signal(use_caching=True)
"""A notification was marked as read."""

notification_unread = Signal(use_caching=True)
"""A notification was marked as unread."""

all_notifications_read = Signal(use_caching=True)
"""Notifications were marked as read together: `event.count` of them, up to the rank `event.through_rank`."""

notification_deleted = Signal(use_caching=True)
"""A notification was deleted. Deleting a user, with their inbox, is no event and gives no signal."""

notification_expired = Signal(use_caching=True)
"""A notification was deleted because its `expires_at` has passed."""

notification_recalled = Signal(use_caching=True)
"""A notification was deleted by its sender's side: by `live_inbox.recall` or `recall_campaign`."""

notification_archived = Signal(use_caching=True)
"""A notification was moved to the archive."""

notification_unarchived = Signal(use_caching=True)
"""A notification was moved from the archive back to the inbox."""

notification_snoozed = Signal(use_caching=True)
"""A notification was snoozed, or its snooze got another end: `notification.snoozed_until`."""

notification_returned = Signal(use_caching=True)
"""A notification came back from its snooze, to the top of the list and unread."""

notification_pinned = Signal(use_caching=True)
"""A notification was pinned."""

notification_unpinned = Signal(use_caching=True)
"""A notification was unpinned."""

notification_action_performed = Signal(use_caching=True)
"""The user has chosen an action of a notification: `notification.performed_action`. Once for each notification."""

notification_edited = Signal(use_caching=True)
"""The content of a notification was changed by its sender's side."""

notification_restored = Signal(use_caching=True)
"""A notification is back that had been deleted: that was undone."""

notification_grouped = Signal(use_caching=True)
"""A notification is folded under a newer one of its group, whose `notification_sent` comes before."""

notification_ungrouped = Signal(use_caching=True)
"""A notification is back in the list, for the one that it was folded under has expired or was recalled."""

notifications_changed = Signal(use_caching=True)
"""A bulk change, or its undoing, has changed several notifications: `event.notification_ids`, as `event.kind` says. A
change of many gives one signal for each 500."""

notifications_seen = Signal(use_caching=True)
"""The user has opened the list: `event.count` notifications are unseen no more."""
