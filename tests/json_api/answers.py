"""What answers each message of a client of the JSON protocol: docs/legacy-protocol.md."""

from __future__ import annotations

ANSWERS = {
    "send_notification": "notification_sent",
    "edit_notification": "notification_edited",
    "recall_notification": "notification_recalled",
    "get_notifications": "notifications_list",
    "get_counts": "notification_counts",
    "get_types": "notification_types",
    "get_preferences": "notification_preferences",
    "set_preference": "preference_set",
    "get_topics": "topics_list",
    "subscribe_to_topic": "topic_subscribed",
    "unsubscribe_from_topic": "topic_unsubscribed",
    "mark_read": "notification_marked_read",
    "mark_unread": "notification_marked_unread",
    "mark_all_read": "all_notifications_marked_read",
    "delete_notification": "notification_deleted",
    "archive_notification": "notification_archived",
    "unarchive_notification": "notification_unarchived",
    "snooze_notification": "notification_snoozed",
    "unsnooze_notification": "notification_unsnoozed",
    "pin_notification": "notification_pinned",
    "unpin_notification": "notification_unpinned",
    "perform_action": "action_performed",
    "mark_seen": "notifications_seen",
    "archive_all": "notifications_archived",
    "delete_all": "notifications_deleted",
    "undo": "change_undone",
    "cancel_send": "send_cancelled",
}
