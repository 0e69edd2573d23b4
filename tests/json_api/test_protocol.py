"""The connection's state machine: literal frames in and out, then random interleavings of everything."""

from __future__ import annotations

import json
import re
from collections import Counter, deque
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from live_inbox.delivery.batch import Batch
from live_inbox.delivery.log import ResetReason
from live_inbox.delivery.position import Position
from live_inbox.events import Event, Folder, Kind, Reset, Snapshot
from live_inbox.json_api.bulk_messages import (
    CancelCampaign,
    GetCampaign,
    RecallCampaign,
    SendMany,
    StartCampaign,
    notifications_sent,
)
from live_inbox.json_api.close_codes import JsonCloseCode
from live_inbox.json_api.encoded_events import encode_all
from live_inbox.json_api.failures import Failure
from live_inbox.json_api.messages import (
    Action,
    ArchiveAll,
    ArchiveNotification,
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
    PinNotification,
    Reload,
    SendNotification,
    ServerMessage,
    SnoozeNotification,
    UnarchiveNotification,
    Undo,
    UnpinNotification,
    UnsnoozeNotification,
    action_performed,
    all_notifications_marked_read,
    bulk_changed,
    confirmation,
    event_message,
    notification_counts,
    notification_details,
    notification_sent,
    notifications_list,
    notifications_seen,
    send_cancelled,
)
from live_inbox.json_api.protocol import (
    FAULT_WINDOW_SECONDS,
    MAX_FAULTS,
    MAX_QUEUED,
    JsonProtocol,
    State,
)
from live_inbox.json_api.sent_messages import (
    EditNotification,
    RecallNotification,
    notification_edited,
    notification_recalled,
)
from live_inbox.json_api.topic_messages import (
    GetTopics,
    SubscribeToTopic,
    UnsubscribeFromTopic,
    topic_changed,
    topics_list,
)
from live_inbox.json_api.type_messages import (
    GetPreferences,
    GetTypes,
    SetPreference,
    notification_preferences,
    notification_types,
    preference_set,
)
from live_inbox.selectors import ChannelState, PreferenceState, TypeCounts
from live_inbox.services import RecipientResult, RecipientResults, SendStatus

pytestmark = pytest.mark.stack("embedded")

PAGE = Path(__file__).parents[2] / "docs" / "legacy-protocol.md"

ME = "7"
NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)

GET = '{"type":"get_notifications"}'
READ_1 = '{"type":"mark_read","notification_id":1}'
READ_ALL = '{"type":"mark_all_read"}'
DELETE_1 = '{"type":"delete_notification","notification_id":1}'
SEND_ME = '{"type":"send_notification","user_id":7,"title":"A","message":""}'
SEND_OTHER = '{"type":"send_notification","user_id":8,"title":"B","message":""}'
SEND_MUTED = '{"type":"muted","user_id":7,"title":"M","message":""}'
SNOOZE = '{{"type":"snooze_notification","notification_id":{},"until":"2024-01-02T00:00:00+00:00"}}'
DELETE_UNDOABLY = '{{"type":"delete_notification","notification_id":{},"undoable":true}}'
PERFORM = '{{"type":"perform_action","notification_id":{},"action_id":"yes"}}'
SEEN = '{"type":"mark_seen"}'
EDIT = '{{"type":"edit_notification","notification_id":{},"title":"{}"}}'
RECALL = '{{"type":"recall_notification","notification_id":{}}}'
SUBSCRIBE = '{"type":"subscribe_to_topic","topic":"news"}'
SEND_MANY = '{"type":"send_many","user_ids":[7,8],"title":"A"}'
SEND_OTHERS = '{"type":"send_many","user_ids":[8],"title":"A"}'
GET_CAMPAIGN = '{"type":"get_campaign","campaign_id":5}'
MUTE = '{"type":"set_preference","notification_type":"news","enabled":false}'
PING = '{"type":"ping"}'
NO_ID = '{"type":"mark_read"}'
WRONG_TITLE = '{"type":"send_notification","user_id":7,"title":5}'
NO_JSON = "hello"

ADDED_1 = (
    '{"type":"notification","notification":{"id":1,"title":"A","message":"","type":"general",'
    '"read":false,"created_at":"2024-01-01T12:00:00Z","data":{},"link":null}}'
)
IS_READ_1 = '{"type":"notification_marked_read","notification_id":1,"success":true}'
IS_UNREAD_1 = '{"type":"notification_marked_unread","notification_id":1,"success":true}'
IS_DELETED_1 = '{"type":"notification_deleted","notification_id":1,"success":true}'
ALL_READ_0 = '{"type":"all_notifications_marked_read","success":true,"count":0}'
ALL_READ_1 = '{"type":"all_notifications_marked_read","success":true,"count":1}'
SENT_1 = '{"type":"notification_sent","success":true,"notification_id":1}'
SENT_9 = '{"type":"notification_sent","success":true,"notification_id":9}'
EMPTY_LIST = '{"type":"notifications_list","notifications":[],"total":0,"unread_count":0}'
PONG = '{"type":"pong"}'
NO_ID_REFUSED = (
    '{"type":"notification_marked_read","notification_id":null,"success":false,"error":'
    '{"code":"BAD_USER_INPUT","message":"notification_id must be a positive whole number.",'
    '"field":"notification_id"}}'
)
WRONG_TITLE_REFUSED = (
    '{"type":"notification_sent","success":false,"notification_id":null,"error":'
    '{"code":"BAD_USER_INPUT","message":"title must be a string.","field":"title"}}'
)
NOT_FOUND_1 = (
    '{"type":"notification_marked_read","notification_id":1,"success":false,"error":'
    '{"code":"NOT_FOUND","message":"You have no such notification."}}'
)
NO_JSON_ERROR = (
    '{"type":"error","code":"INVALID_JSON","message":'
    '"The message is not JSON: Expecting value: line 1 column 1 (char 0)."}'
)
NO_BINARY_ERROR = '{"type":"error","code":"BINARY_MESSAGE","message":"A message must be text."}'

NOT_FOUND = Failure("NOT_FOUND", "You have no such notification.")


class Inbox:
    """An inbox in memory, with the services' rules: what happens in it is in its log, with a sequence."""

    def __init__(self, *, next_id: int = 1, now: datetime = NOON) -> None:
        self.notifications: dict[int, Snapshot] = {}
        self.unseen: set[int] = set()
        self.log: list[Event] = []
        self.next_id = next_id
        self.now = now

    @property
    def sequence(self) -> int:
        return len(self.log)

    @property
    def unread_count(self) -> int:
        return sum(not notification.read for notification in self._listed())

    def _listed(self, folder: Folder = Folder.INBOX) -> list[Snapshot]:
        """Return what is in a folder, newest first."""
        found = [each for each in self.notifications.values() if each.folder is folder]
        return sorted(found, key=lambda each: -each.rank)

    def _ranks(self) -> list[int]:
        return [each.rank for each in self.notifications.values()]

    def perform(self, action: Action) -> tuple[ServerMessage, int | None] | Failure:
        """Do what the shell does with an action: the answer and the sequence, or why it failed."""
        match action:
            case SendNotification():
                return self._send(action)
            case CancelSend():
                return send_cancelled(False), None
            case GetNotifications():
                return self._list(action), self.sequence
            case GetNotification():
                found = self.notifications.get(action.notification_id)
                return NOT_FOUND if found is None else (notification_details(found), self.sequence)
            case GetCounts():
                return notification_counts(TypeCounts([], [])), None
            case MarkAllRead():
                count = self.mark_all_read()
                return all_notifications_marked_read(count), self.sequence if count else None
            case MarkSeen():
                count, self.unseen = len(self.unseen), set()
                if count:
                    self._log(Kind.SEEN, count=count, through_rank=max(self._ranks()))
                return notifications_seen(count), self.sequence if count else None
            case ArchiveAll() | DeleteAll():
                ids = self._take_out(action)
                answer = bulk_changed(action, len(ids), undo_token="t", has_more=False)
                return answer, self.sequence if ids else None
            case Undo():
                return NOT_FOUND
            case EditNotification():
                return self._edit(action)
            case RecallNotification():
                return self._recall(action)
            case SendMany():
                return self._send_many(action)
            case StartCampaign() | GetCampaign() | CancelCampaign() | RecallCampaign():
                return NOT_FOUND
            case GetTopics():
                return topics_list([]), None
            case SubscribeToTopic():
                return topic_changed("topic_subscribed", [action.topic], changed=True), None
            case UnsubscribeFromTopic():
                return topic_changed("topic_unsubscribed", [], changed=True), None
            case GetTypes():
                return notification_types([], []), None
            case GetPreferences():
                return notification_preferences([]), None
            case SetPreference():
                channel = ChannelState("in_app", "in_app", action.enabled, False)
                name = action.notification_type
                return preference_set(PreferenceState(name, (channel,), name, "")), None
        if action.notification_id not in self.notifications:
            return NOT_FOUND
        if isinstance(action, PerformAction):
            return self._perform(action)
        changed = self._change(action)
        token = "t" if isinstance(action, DeleteNotification) and action.undoable else None
        return confirmation(action, undo_token=token), self.sequence if changed else None

    def _take_out(self, action: ArchiveAll | DeleteAll) -> list[int]:
        """Archive or delete what is in the inbox."""
        ids = [each.id for each in self._listed()]
        for id_ in ids:
            gone = self.notifications.pop(id_)
            if isinstance(action, ArchiveAll):
                self.notifications[id_] = replace(gone, folder=Folder.ARCHIVE)
        self.unseen -= set(ids)
        kind = Kind.MANY_ARCHIVED if isinstance(action, ArchiveAll) else Kind.MANY_DELETED
        if ids:
            self._log(kind, count=len(ids), notification_ids=ids)
        return ids

    def mark_all_read(self, *, through_rank: int | None = None) -> int:
        ids = [
            id_
            for id_, notification in self.notifications.items()
            if not notification.read
            and notification.folder is Folder.INBOX
            and (through_rank is None or notification.rank <= through_rank)
        ]
        highest = max((self.notifications[id_].rank for id_ in ids), default=0)
        for id_ in ids:
            self.notifications[id_] = replace(self.notifications[id_], read_at=self.now)
        if ids:
            self.unseen -= set(ids)
            self._log(Kind.ALL_READ, count=len(ids), through_rank=highest)
        return len(ids)

    def _perform(self, action: PerformAction) -> tuple[ServerMessage, int | None]:
        before = self.notifications[action.notification_id]
        if before.performed_action is not None:
            return action_performed(before, recorded=False), None
        after = replace(before, performed_action=action.action_id, performed_at=self.now)
        self.notifications[before.id] = after
        self._log(Kind.ACTION, before.id, notification=after)
        return action_performed(after, recorded=True), self.sequence

    def _send(self, action: SendNotification) -> tuple[ServerMessage, int | None]:
        id_ = self.next_id
        self.next_id += 1
        content: Any = action.content
        if content.get("type") == "muted":
            return notification_sent(None), None
        if action.user_id != ME:
            return notification_sent(id_), None
        added = Snapshot(
            id=id_,
            type=content.get("type") or "general",
            title=content["title"],
            message=content.get("message") or "",
            link=content.get("link") or "",
            data=content.get("data") or {},
            created_at=self.now,
            read_at=None,
            sender=None,
        )
        self.notifications[id_] = added
        self.unseen.add(id_)
        self._log(Kind.ADDED, id_, notification=added)
        return notification_sent(id_), self.sequence

    def _send_many(self, action: SendMany) -> tuple[ServerMessage, int | None]:
        """Send to those who are known: who asks, and nobody else."""
        results = RecipientResults(
            RecipientResult(each, SendStatus.FORBIDDEN) for each in action.user_ids
        )
        if ME not in action.user_ids:
            return notifications_sent(results, campaign_id=None), None
        self._send(SendNotification(ME, action.content))
        results[action.user_ids.index(ME)] = RecipientResult(ME, SendStatus.SENT, self.next_id - 1)
        return notifications_sent(results, campaign_id=None), self.sequence

    def _edit(self, action: EditNotification) -> tuple[ServerMessage, int | None] | Failure:
        before = self.notifications.get(action.notification_id or 0)
        if before is None:
            return NOT_FOUND
        after = replace(before, title=str(action.content["title"]), edited_at=self.now)
        if before.title == after.title:
            return notification_edited(before.id, changed=False), None
        self.notifications[before.id] = after
        self._log(Kind.EDITED, before.id, notification=after)
        return notification_edited(before.id, changed=True), self.sequence

    def _recall(self, action: RecallNotification) -> tuple[ServerMessage, int | None]:
        id_ = action.notification_id or 0
        if id_ not in self.notifications:
            return notification_recalled(id_, recalled=False), None
        del self.notifications[id_]
        self.unseen.discard(id_)
        self._log(Kind.RECALLED, id_)
        return notification_recalled(id_, recalled=True), self.sequence

    def _list(self, action: GetNotifications) -> ServerMessage:
        before = self.next_id
        if action.before_id is not None:
            known = self.notifications.get(action.before_id)
            before = action.before_id if known is None else known.rank
        page = [
            each
            for each in self._listed(action.filter.folder)
            if each.rank < before and (each.pinned or not action.filter.pinned)
        ]
        return notifications_list(
            page[: action.limit],
            total=len(self._listed()),
            unread_count=self.unread_count,
            unseen_count=len(self.unseen),
        )

    def _change(self, action: OneChange) -> bool:
        id_ = action.notification_id
        before = self.notifications[id_]
        if isinstance(action, DeleteNotification):
            del self.notifications[id_]
            self.unseen.discard(id_)
            self._log(Kind.DELETED, id_)
            return True
        kind, after = self._changed(action, before)
        if after == before:
            return False
        self.notifications[id_] = after
        if kind is Kind.RETURNED:
            self.unseen.add(id_)
        elif after.read or after.folder is not Folder.INBOX:
            self.unseen.discard(id_)
        self._log(kind, id_, notification=after)
        return True

    def _changed(self, action: OneChange, before: Snapshot) -> tuple[Kind, Snapshot]:
        match action:
            case MarkRead():
                read_at = before.read_at or self.now
                return Kind.READ, replace(before, read_at=read_at)
            case MarkUnread():
                return Kind.UNREAD, replace(before, read_at=None)
            case ArchiveNotification():
                return Kind.ARCHIVED, replace(before, folder=Folder.ARCHIVE, snoozed_until=None)
            case UnarchiveNotification():
                is_there = before.folder is Folder.ARCHIVE
                return Kind.UNARCHIVED, replace(before, folder=Folder.INBOX) if is_there else before
            case SnoozeNotification():
                snoozed = replace(before, folder=Folder.SNOOZED, snoozed_until=action.until)
                return Kind.SNOOZED, snoozed
            case UnsnoozeNotification() if before.folder is Folder.SNOOZED:
                self.next_id += 1
                return Kind.RETURNED, replace(
                    before,
                    folder=Folder.INBOX,
                    snoozed_until=None,
                    read_at=None,
                    returned_rank=self.next_id - 1,
                )
            case PinNotification():
                return Kind.PINNED, replace(before, pinned=True)
            case UnpinNotification():
                return Kind.UNPINNED, replace(before, pinned=False)
        return Kind.RETURNED, before

    def _log(self, kind: Kind, id_: int | None = None, **fields: Any) -> None:
        event = Event(
            inbox=ME,
            epoch="e1",
            sequence=len(self.log) + 1,
            kind=kind,
            occurred_at=self.now,
            unread_count=self.unread_count,
            total_count=len(self._listed()),
            unseen_count=len(self.unseen),
            notification_id=id_,
            **fields,
        )
        self.log.append(event)


def event(kind: Kind, sequence: int = 1, **fields: Any) -> Event:
    """One event of an inbox that holds notification 1, titled A, at most."""
    snapshot = Snapshot(1, "general", "A", "", "", {}, NOON, None, None)
    if kind not in (Kind.ALL_READ, Kind.SEEN):
        fields = {"notification_id": 1, "notification": snapshot, **fields}
    return Event(ME, "e1", sequence, kind, NOON, **{"unread_count": 0, "total_count": 1, **fields})


def reset(sequence: int, reason: ResetReason = ResetReason.EXPIRED) -> Reset:
    return Reset(Position("e1", sequence), reason, unread_count=0, unseen_count=0, occurred_at=NOON)


def deliver(protocol: JsonProtocol, item: Event | Reset) -> None:
    """Deliver a batch of one item."""
    batch: Any = Batch([item], item.position)
    protocol.receive_events(batch)


def ask(protocol: JsonProtocol, *frames: str) -> None:
    for frame in frames:
        protocol.receive_text(frame, now=0.0)


def take(protocol: JsonProtocol) -> Action:
    action = protocol.next_action()
    assert action is not None
    return action


def done(protocol: JsonProtocol, *, sequence: int | None = None) -> None:
    """Take the next action, on notification 1, and report it as done."""
    action = take(protocol)
    assert isinstance(action, MarkRead | DeleteNotification)
    protocol.action_done(action, confirmation(action), sequence=sequence)


def listed(protocol: JsonProtocol, *, sequence: int) -> None:
    """Take the next action, a list, and report that the inbox is empty."""
    action = take(protocol)
    assert isinstance(action, GetNotifications)
    answer = notifications_list([], total=0, unread_count=0)
    protocol.action_done(action, answer, sequence=sequence)


def assert_sent(protocol: JsonProtocol, *frames: str) -> None:
    assert [frame.decode() for frame in protocol.frames_to_send()] == list(frames)


# -- events ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "frame"),
    [
        (event(Kind.ADDED), ADDED_1),
        (event(Kind.READ), IS_READ_1),
        (event(Kind.UNREAD), IS_UNREAD_1),
        (event(Kind.DELETED, notification=None), IS_DELETED_1),
        (event(Kind.ALL_READ, count=1, through_rank=1), ALL_READ_1),
    ],
)
def test_each_event_is_sent_as_its_message(item: Event, frame: str) -> None:
    protocol = JsonProtocol(after=0)
    deliver(protocol, item)
    assert_sent(protocol, frame)
    assert protocol.next_action() is None


def test_bounded_mark_all_is_sent_as_a_fresh_list() -> None:
    protocol = JsonProtocol(after=0)
    deliver(protocol, event(Kind.ALL_READ, count=1, through_rank=1, unread_count=1))
    assert_sent(protocol)
    assert take(protocol) == Reload(limit=50, before_id=None)


def test_reset_is_sent_as_a_fresh_list() -> None:
    protocol = JsonProtocol(after=4)
    deliver(protocol, reset(9))
    assert_sent(protocol)
    listed(protocol, sequence=9)
    assert_sent(protocol, EMPTY_LIST)
    deliver(protocol, event(Kind.READ, 10))
    assert_sent(protocol, IS_READ_1)


def test_reload_goes_before_what_the_client_has_asked() -> None:
    protocol = JsonProtocol(after=0)
    ask(protocol, READ_1)
    deliver(protocol, reset(9))
    assert take(protocol) == Reload()


def test_two_resets_in_a_row_need_one_list() -> None:
    protocol = JsonProtocol(after=0)
    deliver(protocol, reset(9))
    deliver(protocol, reset(12))
    listed(protocol, sequence=12)
    assert_sent(protocol, EMPTY_LIST)
    assert protocol.next_action() is None


def test_reload_that_fails_ends_the_connection() -> None:
    protocol = JsonProtocol(after=0)
    deliver(protocol, reset(9))
    protocol.action_failed(take(protocol), Failure("INTERNAL_SERVER_ERROR", "Internal error."))
    assert_sent(protocol)
    assert (protocol.state, protocol.close_code) == (State.CLOSING, JsonCloseCode.INTERNAL_ERROR)


@pytest.mark.parametrize("sequence", [3, 4, 6])
def test_event_out_of_order_is_an_error(sequence: int) -> None:
    protocol = JsonProtocol(after=4)
    with pytest.raises(ValueError, match=f"event {sequence} does not follow on 4"):
        deliver(protocol, event(Kind.READ, sequence))
    assert_sent(protocol)


# -- one confirmation ------------------------------------------------------------------------------


def test_event_that_comes_after_the_action_is_its_confirmation() -> None:
    protocol = JsonProtocol(after=4)
    ask(protocol, READ_1)
    done(protocol, sequence=5)
    assert_sent(protocol)
    deliver(protocol, event(Kind.READ, 5))
    assert_sent(protocol, IS_READ_1)


def test_event_that_overtakes_the_action_is_its_confirmation() -> None:
    protocol = JsonProtocol(after=4)
    ask(protocol, READ_1)
    action = take(protocol)
    deliver(protocol, event(Kind.READ, 5))
    assert_sent(protocol)
    protocol.action_done(action, confirmation(MarkRead(1)), sequence=5)
    assert_sent(protocol, IS_READ_1)


def test_confirmation_keeps_its_place_in_the_stream() -> None:
    protocol = JsonProtocol(after=4)
    ask(protocol, DELETE_1)
    done(protocol, sequence=6)
    deliver(protocol, event(Kind.READ, 5))
    assert_sent(protocol, IS_READ_1)
    deliver(protocol, event(Kind.DELETED, 6))
    assert_sent(protocol, IS_DELETED_1)


def test_mark_all_read_is_confirmed_by_its_event() -> None:
    protocol = JsonProtocol(after=4)
    ask(protocol, READ_ALL)
    protocol.action_done(take(protocol), all_notifications_marked_read(1), sequence=5)
    deliver(protocol, event(Kind.ALL_READ, 5, count=1, through_rank=1))
    assert_sent(protocol, ALL_READ_1)


def test_action_that_changed_nothing_is_confirmed_at_once() -> None:
    protocol = JsonProtocol(after=4)
    ask(protocol, READ_1)
    done(protocol)
    assert_sent(protocol, IS_READ_1)


def test_events_wait_for_the_answer_of_an_action_that_may_have_changed_nothing() -> None:
    """Nothing was unread when all was marked as read; what has come since then is not read."""
    protocol = JsonProtocol(after=4)
    ask(protocol, READ_ALL)
    action = take(protocol)
    deliver(protocol, event(Kind.ADDED, 5))
    assert_sent(protocol)
    protocol.action_done(action, all_notifications_marked_read(0))
    assert_sent(protocol, ALL_READ_0, ADDED_1)


def test_two_equal_actions_have_two_confirmations() -> None:
    protocol = JsonProtocol(after=4)
    ask(protocol, READ_1, READ_1)
    done(protocol, sequence=5)
    done(protocol)
    assert_sent(protocol)
    deliver(protocol, event(Kind.READ, 5))
    assert_sent(protocol, IS_READ_1, IS_READ_1)


def test_the_same_change_by_another_device_is_sent_as_well() -> None:
    protocol = JsonProtocol(after=3)
    ask(protocol, READ_1)
    action = take(protocol)
    for sequence, kind in ((4, Kind.READ), (5, Kind.UNREAD), (6, Kind.READ)):
        deliver(protocol, event(kind, sequence))
    protocol.action_done(action, confirmation(MarkRead(1)), sequence=6)
    assert_sent(protocol, IS_READ_1, IS_UNREAD_1, IS_READ_1)


def test_failure_is_answered_by_the_confirmation_of_the_action() -> None:
    protocol = JsonProtocol(after=4)
    ask(protocol, READ_1)
    protocol.action_failed(take(protocol), NOT_FOUND)
    assert_sent(protocol, NOT_FOUND_1)


def test_send_to_oneself_is_answered_after_the_notification() -> None:
    protocol = JsonProtocol(after=4)
    ask(protocol, SEND_ME)
    protocol.action_done(take(protocol), notification_sent(1), sequence=5)
    assert_sent(protocol)
    deliver(protocol, event(Kind.ADDED, 5))
    assert_sent(protocol, ADDED_1, SENT_1)


def test_send_to_oneself_is_answered_after_a_notification_that_overtook_it() -> None:
    protocol = JsonProtocol(after=4)
    ask(protocol, SEND_ME)
    action = take(protocol)
    deliver(protocol, event(Kind.ADDED, 5))
    assert_sent(protocol, ADDED_1)
    protocol.action_done(action, notification_sent(1), sequence=5)
    assert_sent(protocol, SENT_1)


def test_reset_waits_for_a_send() -> None:
    protocol = JsonProtocol(after=40)
    ask(protocol, SEND_ME)
    action = take(protocol)
    deliver(protocol, reset(2, ResetReason.EPOCH))
    protocol.action_done(action, notification_sent(1), sequence=41)
    assert_sent(protocol, SENT_1)
    assert take(protocol) == Reload()


def test_send_to_another_user_is_answered_at_once() -> None:
    protocol = JsonProtocol(after=4)
    ask(protocol, SEND_OTHER)
    protocol.action_done(take(protocol), notification_sent(9))
    assert_sent(protocol, SENT_9)


def test_reset_that_passes_the_event_lets_the_confirmation_out() -> None:
    protocol = JsonProtocol(after=4)
    ask(protocol, READ_1)
    done(protocol, sequence=5)
    deliver(protocol, reset(9))
    assert_sent(protocol, IS_READ_1)


def test_equal_change_by_another_device_does_not_stand_for_the_confirmation() -> None:
    protocol = JsonProtocol(after=4)
    ask(protocol, READ_1)
    done(protocol, sequence=7)
    deliver(protocol, event(Kind.READ, 5))
    deliver(protocol, reset(9))
    assert_sent(protocol, IS_READ_1, IS_READ_1)


def test_reset_that_overtook_the_action_lets_the_confirmation_out() -> None:
    protocol = JsonProtocol(after=4)
    ask(protocol, READ_1)
    action = take(protocol)
    deliver(protocol, reset(9))
    protocol.action_done(action, confirmation(MarkRead(1)), sequence=5)
    assert_sent(protocol, IS_READ_1)


def test_reset_before_the_event_leaves_the_confirmation_to_it() -> None:
    protocol = JsonProtocol(after=1)
    ask(protocol, READ_1)
    done(protocol, sequence=5)
    deliver(protocol, reset(4))
    assert_sent(protocol)
    deliver(protocol, event(Kind.READ, 5))
    assert_sent(protocol, IS_READ_1)


def test_a_deletion_is_confirmed_once_with_what_undoes_it() -> None:
    protocol = JsonProtocol(after=0)
    ask(protocol, DELETE_UNDOABLY.format(1))
    action = take(protocol)
    assert action == DeleteNotification(1, undoable=True)
    assert isinstance(action, DeleteNotification)
    protocol.action_done(action, confirmation(action, undo_token="t"), sequence=1)
    assert_sent(protocol)
    deliver(protocol, event(Kind.DELETED, 1))
    assert_sent(protocol, IS_DELETED_1[:-1] + ',"undo_token":"t"}')
    deliver(protocol, event(Kind.READ, 2))
    assert_sent(protocol, IS_READ_1)


@pytest.mark.parametrize("reason", [ResetReason.AHEAD, ResetReason.EPOCH])
def test_reset_to_another_numbering_lets_every_confirmation_out(reason: ResetReason) -> None:
    protocol = JsonProtocol(after=40)
    ask(protocol, READ_1, DELETE_1)
    done(protocol, sequence=41)
    action = take(protocol)
    deliver(protocol, reset(2, reason))
    assert_sent(protocol)
    protocol.action_done(action, confirmation(DeleteNotification(1)), sequence=42)
    assert_sent(protocol, IS_READ_1, IS_DELETED_1)
    listed(protocol, sequence=2)
    deliver(protocol, event(Kind.READ, 3))
    assert_sent(protocol, EMPTY_LIST, IS_READ_1)
    ask(protocol, DELETE_1)
    done(protocol, sequence=4)
    assert_sent(protocol)
    deliver(protocol, event(Kind.DELETED, 4))
    assert_sent(protocol, IS_DELETED_1)


# -- the order of answers --------------------------------------------------------------------------


def test_actions_are_performed_one_at_a_time_in_the_order_of_asking() -> None:
    protocol = JsonProtocol(after=0)
    ask(protocol, READ_1, DELETE_1)
    first = take(protocol)
    assert first == MarkRead(1)
    assert protocol.next_action() is None
    protocol.action_failed(first, NOT_FOUND)
    assert take(protocol) == DeleteNotification(1)


def test_answers_come_in_the_order_of_asking() -> None:
    protocol = JsonProtocol(after=4)
    ask(protocol, SEND_ME, SEND_OTHER)
    protocol.action_done(take(protocol), notification_sent(1), sequence=5)
    protocol.action_done(take(protocol), notification_sent(9))
    assert_sent(protocol)
    deliver(protocol, event(Kind.ADDED, 5))
    assert_sent(protocol, ADDED_1, SENT_1, SENT_9)


def test_failures_are_answered_in_the_order_of_asking() -> None:
    protocol = JsonProtocol(after=4)
    ask(protocol, SEND_ME, READ_1, WRONG_TITLE)
    protocol.action_done(take(protocol), notification_sent(1), sequence=5)
    protocol.action_failed(take(protocol), NOT_FOUND)
    assert_sent(protocol)
    deliver(protocol, event(Kind.ADDED, 5))
    assert_sent(protocol, ADDED_1, SENT_1, NOT_FOUND_1, WRONG_TITLE_REFUSED)


def test_refused_action_is_answered_in_its_turn() -> None:
    protocol = JsonProtocol(after=4)
    ask(protocol, NO_ID)
    assert_sent(protocol, NO_ID_REFUSED)
    ask(protocol, READ_1, NO_ID, NO_ID, READ_1)
    done(protocol)
    assert_sent(protocol, IS_READ_1, NO_ID_REFUSED, NO_ID_REFUSED)
    done(protocol)
    assert_sent(protocol, IS_READ_1)


def test_only_the_action_in_progress_can_be_answered() -> None:
    protocol = JsonProtocol(after=0)
    ask(protocol, READ_1)
    action = take(protocol)
    protocol.action_failed(action, NOT_FOUND)
    with pytest.raises(ValueError, match="is not being performed"):
        protocol.action_failed(action, NOT_FOUND)
    with pytest.raises(ValueError, match="is not being performed"):
        protocol.action_done(action, confirmation(MarkRead(1)))
    assert_sent(protocol, NOT_FOUND_1)


# -- lists -----------------------------------------------------------------------------------------


def test_list_is_answered() -> None:
    protocol = JsonProtocol(after=4)
    ask(protocol, GET)
    listed(protocol, sequence=4)
    assert_sent(protocol, EMPTY_LIST)


def test_events_that_a_list_contains_come_before_it_and_the_others_after() -> None:
    protocol = JsonProtocol(after=4)
    ask(protocol, GET)
    action = take(protocol)
    for sequence, kind in ((5, Kind.ADDED), (6, Kind.DELETED), (7, Kind.ADDED)):
        deliver(protocol, event(kind, sequence))
    assert_sent(protocol)
    answer = notifications_list([], total=0, unread_count=0)
    protocol.action_done(action, answer, sequence=6)
    assert_sent(protocol, ADDED_1, IS_DELETED_1, EMPTY_LIST, ADDED_1)


def test_list_waits_for_the_events_that_it_contains() -> None:
    protocol = JsonProtocol(after=4)
    ask(protocol, GET)
    listed(protocol, sequence=6)
    deliver(protocol, event(Kind.ADDED, 5))
    assert_sent(protocol, ADDED_1)
    deliver(protocol, event(Kind.DELETED, 6))
    assert_sent(protocol, IS_DELETED_1, EMPTY_LIST)


def test_list_is_not_read_before_everything_was_answered() -> None:
    protocol = JsonProtocol(after=4)
    ask(protocol, DELETE_1, GET)
    done(protocol, sequence=5)
    assert protocol.next_action() is None
    deliver(protocol, event(Kind.DELETED, 5))
    listed(protocol, sequence=5)
    assert_sent(protocol, IS_DELETED_1, EMPTY_LIST)


def test_list_that_fails_is_answered_by_an_error_and_lets_the_events_go_on() -> None:
    protocol = JsonProtocol(after=4)
    ask(protocol, GET)
    action = take(protocol)
    deliver(protocol, event(Kind.ADDED, 5))
    protocol.action_failed(action, Failure("RATE_LIMITED", "Too many.", retry_after=1.5))
    assert_sent(
        protocol,
        '{"type":"error","code":"RATE_LIMITED","message":"Too many.","retry_after":1.5}',
        ADDED_1,
    )
    assert protocol.state is State.OPEN


# -- faults and the end ----------------------------------------------------------------------------


def test_malformed_message_is_answered_and_the_connection_lives() -> None:
    protocol = JsonProtocol(after=0)
    ask(protocol, NO_JSON)
    protocol.receive_binary(now=0.0)
    assert_sent(protocol, NO_JSON_ERROR, NO_BINARY_ERROR)
    ask(protocol, PING)
    assert_sent(protocol, PONG)
    assert protocol.state is State.OPEN


def test_ping_is_answered_while_an_action_is_performed() -> None:
    protocol = JsonProtocol(after=0)
    ask(protocol, GET)
    take(protocol)
    ask(protocol, PING)
    assert_sent(protocol, PONG)


def test_many_faults_within_the_window_end_the_connection() -> None:
    protocol = JsonProtocol(after=0)
    for fault in range(MAX_FAULTS):
        assert protocol.state is State.OPEN
        protocol.receive_text(NO_JSON, now=fault * FAULT_WINDOW_SECONDS / (MAX_FAULTS - 1))
    assert_sent(protocol, *[NO_JSON_ERROR] * MAX_FAULTS)
    assert (protocol.state, protocol.close_code) == (State.CLOSING, JsonCloseCode.TOO_MANY_FAULTS)


def test_faults_that_are_spread_out_do_not_end_the_connection() -> None:
    protocol = JsonProtocol(after=0)
    for fault in range(10 * MAX_FAULTS):
        protocol.receive_binary(now=1000 + fault * 5.0)
    assert_sent(protocol, *[NO_BINARY_ERROR] * 10 * MAX_FAULTS)
    assert protocol.state is State.OPEN


def test_refused_actions_are_no_faults() -> None:
    protocol = JsonProtocol(after=0)
    ask(protocol, *[NO_ID] * 10 * MAX_FAULTS)
    assert_sent(protocol, *[NO_ID_REFUSED] * 10 * MAX_FAULTS)
    assert protocol.state is State.OPEN


def test_message_that_is_too_large_is_a_fault() -> None:
    protocol = JsonProtocol(after=0, max_message_bytes=10)
    ask(protocol, PING)
    assert_sent(
        protocol,
        '{"type":"error","code":"MESSAGE_TOO_LARGE",'
        '"message":"A message must have 10 bytes at most."}',
    )


def test_client_that_asks_without_end_is_closed() -> None:
    protocol = JsonProtocol(after=0)
    deliver(protocol, reset(9))
    ask(protocol, *[READ_1] * (MAX_QUEUED - 1))
    assert protocol.state is State.OPEN
    ask(protocol, READ_1)
    assert (protocol.state, protocol.close_code) == (State.CLOSING, JsonCloseCode.RATE_LIMITED)


def test_closing_sends_what_was_due_and_nothing_more() -> None:
    protocol = JsonProtocol(after=4)
    ask(protocol, READ_1, GET)
    action = take(protocol)
    ask(protocol, PING)
    protocol.close(JsonCloseCode.EXPIRED)
    protocol.close(JsonCloseCode.RATE_LIMITED)
    protocol.action_done(action, confirmation(MarkRead(1)))
    deliver(protocol, event(Kind.READ, 5))
    ask(protocol, PING, NO_JSON, GET)
    protocol.receive_binary(now=0.0)
    assert protocol.next_action() is None
    assert_sent(protocol, PONG)
    assert (protocol.state, protocol.close_code) == (State.CLOSING, JsonCloseCode.EXPIRED)
    protocol.connection_lost()
    assert protocol.state is State.CLOSED


def test_client_that_goes_first_is_not_closed_again() -> None:
    protocol = JsonProtocol(after=4)
    ask(protocol, GET)
    action = take(protocol)
    protocol.connection_lost()
    protocol.close(JsonCloseCode.EXPIRED)
    protocol.action_failed(action, NOT_FOUND)
    assert protocol.next_action() is None
    assert_sent(protocol)
    assert (protocol.state, protocol.close_code) == (State.CLOSED, None)


# -- everything at random --------------------------------------------------------------------------

IDS = st.integers(1, 4)
ASKABLE = st.one_of(
    st.just(GET),
    st.just(READ_ALL),
    st.sampled_from([SEND_ME, SEND_OTHER, SEND_MUTED, WRONG_TITLE]),
    st.just(NO_ID),
    st.builds(
        '{{"type":"{}","notification_id":{}}}'.format,
        st.sampled_from(
            [
                "mark_read",
                "mark_unread",
                "delete_notification",
                "archive_notification",
                "unarchive_notification",
                "unsnooze_notification",
                "pin_notification",
                "unpin_notification",
            ]
        ),
        IDS,
    ),
    st.builds(SNOOZE.format, IDS),
    st.builds(PERFORM.format, IDS),
    st.builds(DELETE_UNDOABLY.format, IDS),
    st.builds(EDIT.format, IDS, st.sampled_from("AB")),
    st.builds(RECALL.format, IDS),
    st.builds('{{"type":"get_notification","notification_id":{}}}'.format, IDS),
    st.just(SEEN),
    st.just('{"type":"get_counts"}'),
    st.sampled_from(
        ['{"type":"get_topics"}', SUBSCRIBE, SUBSCRIBE.replace("subscribe_to", "unsubscribe_from")]
    ),
    st.sampled_from([SEND_MANY, SEND_OTHERS, GET_CAMPAIGN]),
    st.sampled_from(['{"type":"get_types"}', '{"type":"get_preferences"}', MUTE]),
)
CHANGES = st.one_of(
    st.just(SendNotification("7", {"title": "A"})),
    st.just(CancelSend(scheduled_id=1)),
    st.just(MarkAllRead()),
    st.just(ArchiveAll()),
    st.just(DeleteAll()),
    st.just(Undo("t")),
    st.builds(MarkRead, IDS),
    st.builds(MarkUnread, IDS),
    st.builds(DeleteNotification, IDS, st.booleans()),
    st.builds(ArchiveNotification, IDS),
    st.builds(UnarchiveNotification, IDS),
    st.builds(SnoozeNotification, IDS, st.just(NOON)),
    st.builds(UnsnoozeNotification, IDS),
    st.builds(PinNotification, IDS),
    st.builds(PerformAction, IDS, st.just("no")),
    st.just(MarkSeen()),
    st.just(GetCounts()),
    st.just(SetPreference("news", True)),
    st.just(SendMany({"title": "A"}, ["7", "8"])),
    st.builds(EditNotification, IDS, st.none(), st.just({"title": "B"})),
    st.builds(RecallNotification, IDS),
)


def as_reported(notifications: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return notifications without their pins and outcomes, of which no message reports changes."""
    unreported = {"pinned", "performed_action", "performed_at"}
    return [{key: each[key] for key in each if key not in unreported} for each in notifications]


class Client:
    """A client of the original protocol: applies each message to its list, believing all it is item."""

    def __init__(self) -> None:
        self.notifications: list[dict[str, Any]] = []

    def take(self, message: dict[str, Any]) -> None:
        shown = self.notifications
        match message:
            case {"type": "notification", "notification": notification}:
                shown[:0] = as_reported([notification])
            case {"type": "notifications_list", "notifications": notifications}:
                self.notifications = as_reported(notifications)
            case {"type": "notification_marked_read", "success": True, "notification_id": id_}:
                self._mark(id_, read=True)
            case {"type": "notification_marked_unread", "success": True, "notification_id": id_}:
                self._mark(id_, read=False)
            case {"type": "notification_deleted", "success": True, "notification_id": id_}:
                shown[:] = [item for item in shown if item["id"] != id_]
            case {"type": "all_notifications_marked_read", "success": True}:
                for item in shown:
                    item["read"] = True

    def _mark(self, id_: int, *, read: bool) -> None:
        for item in self.notifications:
            if item["id"] == id_:
                item["read"] = read


class Connection(RuleBasedStateMachine):
    """A client, the protocol, a shell that performs actions in two steps, a feed that lags and resets.

    In the end the client shows exactly what is in the inbox, and was sent exactly: the message of
    each event that the feed has brought, and the answer of each action unless its event said the
    same. Each list shows what the client knew, unless it had missed something.
    """

    def __init__(self) -> None:
        super().__init__()
        self.inbox = Inbox()
        self.protocol = JsonProtocol(after=0)
        self.client = Client()
        self.fed = 0
        self.item: dict[int, ServerMessage | None] = {}
        self.current: Action | None = None
        self.performed: tuple[ServerMessage, int | None] | Failure | None = None
        self.answers: list[tuple[ServerMessage, int | None]] = []
        self.failures = 0
        # Of each send, whether it can succeed.
        self.sends: list[bool] = []
        self.sent: list[dict[str, Any]] = []
        # How many times the client has missed something, and how much of that each list mends.
        self.misses = 0
        self.mended = 0
        self.mends: deque[int] = deque()

    @initialize(count=st.integers(0, 3))
    def inbox_is_filled(self, count: int) -> None:
        for _ in range(count):
            self.inbox.perform(SendNotification(ME, {"title": "A"}))
            self.feed_brings_an_event()

    @rule(frame=ASKABLE)
    def client_asks(self, frame: str) -> None:
        self.failures += frame in (NO_ID, WRONG_TITLE)
        if frame in (SEND_ME, SEND_OTHER, SEND_MUTED, WRONG_TITLE):
            self.sends.append(frame != WRONG_TITLE)
        ask(self.protocol, frame)

    @rule()
    def shell_goes_on(self) -> None:
        """Take an action, perform the one that was taken, or report the one that was performed."""
        if self.current is None:
            self._take()
        elif self.performed is None:
            self.performed = self.inbox.perform(self.current)
        else:
            self._report(self.current, self.performed)
            self.current = self.performed = None

    @rule(change=CHANGES)
    def another_device_changes_something(self, change: Action) -> None:
        self.inbox.perform(change)

    @rule(through_rank=IDS)
    def another_device_marks_some_as_read(self, through_rank: int) -> None:
        self.inbox.mark_all_read(through_rank=through_rank)

    @precondition(lambda self: self.fed < self.inbox.sequence)
    @rule()
    def feed_brings_an_event(self) -> None:
        event = self.inbox.log[self.fed]
        self.fed += 1
        self.item[self.fed] = event_message(event)
        self.misses += encode_all([event]) == [None]
        deliver(self.protocol, event)

    @precondition(lambda self: self.fed < self.inbox.sequence)
    @rule(data=st.data())
    def feed_resets(self, data: st.DataObject) -> None:
        self.fed = data.draw(st.integers(self.fed + 1, self.inbox.sequence))
        self.misses += 1
        deliver(self.protocol, reset(self.fed))

    @invariant()
    def client_reads(self) -> None:
        for frame in self.protocol.frames_to_send():
            message = json.loads(frame)
            self.sent.append(json.loads(frame))
            if message["type"] == "notifications_list":
                if self.mended == self.misses:
                    assert self.client.notifications == as_reported(message["notifications"])
                self.mended = self.mends.popleft()
            self.client.take(message)

    def teardown(self) -> None:
        self._settle()
        assert self.client.notifications == self._shown()
        answers = [answer for answer, _ in self.answers]
        # An answer that says all that its event does replaces it.
        replaced = {
            n
            for answer, n in self.answers
            if (message := self.item.get(n or 0)) and answer.items() >= message.items()
        }
        events = [message for n, message in self.item.items() if message and n not in replaced]
        failed = [message for message in self.sent if message.get("success") is False]
        succeeded = [message for message in self.sent if message not in failed]
        assert len(failed) == self.failures
        assert Counter(map(json.dumps, succeeded)) == Counter(map(json.dumps, events + answers))
        self._assert_sends_answered_in_order()

    def _take(self) -> None:
        self.current = self.protocol.next_action()
        if isinstance(self.current, GetNotifications):
            self.mends.append(self.misses)

    def _report(
        self, action: Action, performed: tuple[ServerMessage, int | None] | Failure
    ) -> None:
        if isinstance(performed, Failure):
            self.failures += 1
            self.protocol.action_failed(action, performed)
        else:
            self.answers.append(performed)
            answer, sequence = performed
            self.protocol.action_done(action, answer, sequence=sequence)

    def _settle(self) -> None:
        """Let everything that is under way come to its end."""
        while self._is_under_way():
            if self.fed < self.inbox.sequence:
                self.feed_brings_an_event()
            if self.current is not None:
                self.shell_goes_on()
            self.client_reads()
        assert self.mended == self.misses

    def _is_under_way(self) -> bool:
        if self.current is None:
            self._take()
        return self.current is not None or self.fed < self.inbox.sequence

    def _shown(self) -> Any:
        answer, _ = self.inbox.perform(GetNotifications())  # type: ignore[misc]
        return as_reported(json.loads(json.dumps(answer))["notifications"])

    def _assert_sends_answered_in_order(self) -> None:
        sent = [message for message in self.sent if message["type"] == "notification_sent"]
        assert [message["success"] for message in sent] == self.sends
        asked = [answer for answer, _ in self.answers if answer["type"] == "notification_sent"]
        assert [message for message in sent if message["success"]] == asked


Connection.TestCase.settings = settings(max_examples=400, stateful_step_count=40, deadline=None)
TestConnection = Connection.TestCase


# -- the specification -----------------------------------------------------------------------------


def dialogues() -> dict[str, list[str]]:
    """The dialogues of the specification: the lines of each, by heading."""
    section = PAGE.read_text().partition("\n## Dialogues\n")[2].partition("\n## ")[0]
    parts = re.findall(r"^### (.+?)$.*?^```text\n(.*?)^```$", section, re.M | re.S)
    return {heading: lines.splitlines() for heading, lines in parts}


@pytest.mark.parametrize("heading", dialogues() if PAGE.exists() else [])
def test_dialogue_of_the_specification_is_what_happens(heading: str) -> None:
    """Lines with `→` are sent by the client, with `←` by the server, with `≈` done by another device."""
    inbox = Inbox(next_id=455, now=datetime(2024, 1, 1, tzinfo=UTC))
    for _ in range(2):
        inbox.perform(
            SendNotification(ME, {"title": "Title", "message": "Message", "type": "approval"})
        )
    inbox.perform(MarkRead(455))
    protocol = JsonProtocol(after=inbox.sequence)
    fed, due = inbox.sequence, list[str]()
    for line in dialogues()[heading]:
        mark, _, frame = line.partition(" ")
        if mark == "←":
            assert json.loads(due.pop(0)) == json.loads(frame), line
            continue
        assert due == [], line
        if mark == "→":
            ask(protocol, frame)
        elif "through_rank" in frame:
            inbox.mark_all_read(through_rank=json.loads(frame)["through_rank"])
        else:
            elsewhere = JsonProtocol(after=0)
            ask(elsewhere, frame)
            inbox.perform(take(elsewhere))
        while (action := protocol.next_action()) or fed < inbox.sequence:
            if action:
                performed = inbox.perform(action)
                if isinstance(performed, Failure):
                    protocol.action_failed(action, performed)
                else:
                    protocol.action_done(action, performed[0], sequence=performed[1])
            if fed < inbox.sequence:
                deliver(protocol, inbox.log[fed])
                fed += 1
        due += [frame.decode() for frame in protocol.frames_to_send()]
    assert due == []
