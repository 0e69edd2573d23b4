"""The actions of the original protocol, performed by the services. Synchronous: for a database thread."""

from __future__ import annotations

from collections.abc import Callable

from live_inbox import database, selectors, services
from live_inbox.conf import inbox_settings
from live_inbox.identity.callers import Caller
from live_inbox.identity.scopes import Right, require
from live_inbox.json_api import messages, topic_messages, type_messages
from live_inbox.json_api.bulk_messages import (
    CancelCampaign,
    GetCampaign,
    RecallCampaign,
    SendMany,
    StartCampaign,
)
from live_inbox.json_api.messages import (
    Action,
    ArchiveAll,
    ArchiveNotification,
    BulkChange,
    CancelSend,
    DeleteAll,
    DeleteNotification,
    GetCounts,
    GetNotification,
    GetNotifications,
    MarkAllRead,
    MarkRead,
    MarkSeen,
    MarkUnread,
    OneChange,
    PerformAction,
    Performed,
    PinNotification,
    SenderAction,
    SendNotification,
    SnoozeNotification,
    UnarchiveNotification,
    Undo,
    UnpinNotification,
    UnsnoozeNotification,
)
from live_inbox.json_api.sender_actions import perform_for_sender
from live_inbox.json_api.sent_messages import EditNotification, RecallNotification
from live_inbox.json_api.topic_messages import (
    GetTopics,
    SubscribeToTopic,
    TopicAnswer,
    TopicChanged,
    UnsubscribeFromTopic,
)
from live_inbox.json_api.type_messages import (
    GetPreferences,
    GetTypes,
    PreferenceSet,
    SetPreference,
)
from live_inbox.list_batches import NewestList
from live_inbox.request_threads import BULK, SENT, Use
from live_inbox.selectors import EVERYTHING
from live_inbox.selectors.lists import Page
from live_inbox.selectors.preferences_for_caller import (
    channels_for_caller,
    preference_for_caller,
    preferences_for_caller,
    types_for_caller,
)
from live_inbox.services.bulk_changes import MOST
from live_inbox.services.campaigns_for_caller import subscribe_for_caller
from live_inbox.services.cancel_for_caller import cancel_for_caller
from live_inbox.services.change_rate import take_change
from live_inbox.services.send_for_caller import send_for_caller


def use_of(caller: Caller, action: Action) -> Use:
    """Return what an action uses the database for."""
    match action:
        case SendNotification():
            return Use(caller.user_id, action.user_id)
        case EditNotification() | RecallNotification():
            return Use(caller.user_id, SENT)
        case SendMany() | StartCampaign() | CancelCampaign() | RecallCampaign():
            return BULK
        case GetNotifications():
            return Use.of_list(caller.user_id, action.limit)
        case (
            GetNotification()
            | GetCounts()
            | GetTypes()
            | GetPreferences()
            | GetTopics()
            | GetCampaign()
        ):
            return Use(caller.user_id)
    return Use(caller.user_id, caller.user_id)


def perform(caller: Caller, action: Action) -> Performed:
    """Do what a client asked for; raise NotificationError when that cannot be done."""
    user_id = caller.user.pk
    if isinstance(action, SenderAction):
        return perform_for_sender(caller, action)
    match action:
        case SendNotification():
            return _send(caller, action)
        case CancelSend():
            cancelled = cancel_for_caller(
                caller,
                scheduled_id=action.scheduled_id,
                idempotency_key=action.idempotency_key,
            )
            return messages.send_cancelled(cancelled), None
        case GetNotifications():
            return _list(user_id, action)
        case GetNotification():
            return _notification(user_id, action.notification_id)
        case GetCounts():
            return messages.notification_counts(selectors.type_counts(user_id=user_id)), None
        case GetTypes():
            types, channels = types_for_caller(caller), channels_for_caller(caller)
            return type_messages.notification_types(types, channels), None
        case GetTopics():
            return topic_messages.topics_list(services.topics_of(user_id)), None
        case GetPreferences():
            preferences = preferences_for_caller(caller)
            return type_messages.notification_preferences(preferences), None
    require(caller.scopes, Right.WRITE)
    take_change(caller)
    match action:
        case MarkAllRead() if action.filter == EVERYTHING:
            done = services.mark_all_read(user_id=user_id)
            answer = messages.all_notifications_marked_read(done.count)
            return answer, done.position.sequence if done.count else None
        case MarkAllRead() | ArchiveAll() | DeleteAll() | Undo():
            return _change_many(user_id, action)
        case MarkSeen():
            seen = services.mark_seen(user_id=user_id)
            answer_seen = messages.notifications_seen(seen.count)
            return answer_seen, seen.position.sequence if seen.count else None
        case SubscribeToTopic():
            changed = subscribe_for_caller(caller, topic=action.topic)
            return _topic_changed(caller, "topic_subscribed", changed=changed), None
        case UnsubscribeFromTopic():
            changed = services.unsubscribe(user_id=user_id, topic=action.topic)
            return _topic_changed(caller, "topic_unsubscribed", changed=changed), None
        case SetPreference():
            return _set_preference(caller, action), None
        case PerformAction():
            performed = services.perform_action(
                user_id=user_id,
                notification_id=action.notification_id,
                action_id=action.action_id,
            )
            shown = services.snapshot(performed.notification)
            answer_performed = messages.action_performed(shown, recorded=performed.changed)
            return answer_performed, performed.position.sequence if performed.changed else None
        case DeleteNotification():
            deleted = services.delete(
                user_id=user_id,
                notification_id=action.notification_id,
                undoable=action.undoable,
            )
            answer_deleted = messages.confirmation(action, undo_token=deleted.undo_token)
            return answer_deleted, deleted.position.sequence
    done_one = _change(user_id, action)
    return messages.confirmation(action), done_one.position.sequence if done_one.changed else None


def _change_many(user_id: object, action: BulkChange | Undo) -> Performed:
    if isinstance(action, Undo):
        done = services.undo(user_id=user_id, token=action.undo_token)
    else:
        service = _BULK_SERVICES[type(action)]
        done = service(user_id=user_id, filter=action.filter, most=MOST, undoable=True)
    answer = messages.bulk_changed(
        action, done.count, undo_token=done.undo_token, has_more=done.has_more
    )
    return answer, done.position.sequence if done.count else None


_BULK_SERVICES: dict[type[BulkChange], Callable[..., services.BulkChanged]] = {
    MarkAllRead: services.mark_all_read_of,
    ArchiveAll: services.archive_all,
    DeleteAll: services.delete_all,
}


def _change(user_id: object, action: OneChange) -> services.Changed:
    number = action.notification_id
    if isinstance(action, SnoozeNotification):
        return services.snooze(user_id=user_id, notification_id=number, until=action.until)
    return _SERVICES[type(action)](user_id=user_id, notification_id=number)


_SERVICES: dict[type[OneChange], Callable[..., services.Changed]] = {
    MarkRead: services.mark_read,
    MarkUnread: services.mark_unread,
    ArchiveNotification: services.archive,
    UnarchiveNotification: services.unarchive,
    UnsnoozeNotification: services.unsnooze,
    PinNotification: services.pin,
    UnpinNotification: services.unpin,
}


def _set_preference(caller: Caller, action: SetPreference) -> PreferenceSet:
    set = services.set_preference(
        user_id=caller.user.pk,
        type=action.notification_type,
        enabled=action.enabled,
        channel=action.channel,
    )
    return type_messages.preference_set(preference_for_caller(caller, type=set.type))


def _topic_changed(caller: Caller, name: TopicAnswer, *, changed: bool) -> TopicChanged:
    topics = services.topics_of(caller.user.pk)
    return topic_messages.topic_changed(name, topics, changed=changed)


def _send(caller: Caller, action: SendNotification) -> Performed:
    sent = send_for_caller(
        caller,
        recipient_id=action.user_id,
        idempotency_key=action.idempotency_key,
        **action.content,
    )
    if sent.scheduled is not None:
        return messages.notification_scheduled(sent.scheduled.pk), None
    if sent.notification is None:
        return messages.notification_sent(None), None
    is_added = sent.notification.recipient_id == caller.user.pk and not sent.replayed
    sequence = sent.notification.added_sequence if is_added else None
    return messages.notification_sent(sent.notification.pk), sequence


@database.reading
def _notification(user_id: object, notification_id: int) -> Performed:
    """Read a notification and the position at which it is so, in one snapshot."""
    found = selectors.notification(user_id=user_id, notification_id=notification_id)
    sequence = selectors.inbox_state(user_id=user_id).position.sequence
    return messages.notification_details(services.snapshot(found)), sequence


def newest_list(caller: Caller, action: Action) -> NewestList[Performed] | None:
    """Return what an action asks for, if it is the newest of the inbox; made of it is what `perform` returns."""
    if not isinstance(action, GetNotifications):
        return None
    if action.before_id is not None or not action.filter.is_newest:
        return None
    limit = min(action.limit, inbox_settings().max_page_size)
    return NewestList(caller.user_id, limit, action.filter.read, _listed)


def _list(user_id: object, action: GetNotifications) -> Performed:
    page = selectors.page(
        user_id=user_id,
        limit=min(action.limit, inbox_settings().max_page_size),
        older_than=None
        if action.before_id is None
        else selectors.rank_of(user_id=user_id, notification_id=action.before_id),
        filter=action.filter,
    )
    return _listed(page)


def _listed(page: Page) -> Performed:
    answer = messages.notifications_list(
        page.notifications,
        total=page.inbox.total_count,
        unread_count=page.inbox.unread_count,
        unseen_count=page.inbox.unseen_count,
        examined_to=page.examined_to,
    )
    return answer, page.inbox.position.sequence
