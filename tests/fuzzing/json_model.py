"""What a client of the JSON API has to receive, from its documentation: a model of one connection.

`json_folders` has what it knows of the inbox.
"""

from __future__ import annotations

import re
import time
from collections import deque
from datetime import UTC, datetime
from typing import Any

from tests.fuzzing.json_bulk import BULK_SENDS, check_campaign, check_results
from tests.fuzzing.json_change_messages import ACTION_ID, BULK
from tests.fuzzing.json_field_rules import FILTER_KEYS, wrong_fields
from tests.fuzzing.json_folders import UNDO_SECONDS, Folders, Stale
from tests.fuzzing.json_messages import Sent, meaning
from tests.fuzzing.json_sent import SentModel
from tests.fuzzing.json_settings import SETTINGS, Settings
from tests.fuzzing.soundness import Unsound
from tests.json_api.answers import ANSWERS

FAULTS = (
    *("INVALID_JSON", "INVALID_MESSAGE", "UNKNOWN_TYPE", "MESSAGE_TOO_LARGE", "BINARY_MESSAGE"),
)
FAILURES = ("BAD_USER_INPUT", "NOT_FOUND", "FORBIDDEN", "CONFLICT", "SERVICE_UNAVAILABLE")
MAX_FAULTS = 20
MAX_PAGE = 100
PAGE = 50
MOST_OF_A_GROUP = 50
NOT_OF_FOLDED = ("archive_notification", "snooze_notification", "pin_notification")
"""What cannot be done to what is folded: only to what it is folded under."""
SENDS = ("send_notification", "send_many")
READS = ("get_notifications", "get_counts", "get_types", "get_preferences", "get_topics")
"""What is answered by `error` when it fails."""
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

Json = dict[str, Any]


class JsonModel:
    """One connection. `folders` is what its first lists have, of at most 100 rows each."""

    def __init__(self, folders: Folders, settings: Settings, user_id: int) -> None:
        self.folders = folders
        self.settings = settings
        self.user_id = str(user_id)
        self.sent = SentModel(folders)
        self.faults = 0
        self._at_once: deque[str] = deque()
        self._actions: deque[tuple[str, Json, Sent]] = deque()
        self._refreshes: list[bool | None] = []
        self._refreshed = 0
        self._last_refreshed: bool | None = None
        self._arrived: Json | None = None
        self._left: int | None = None
        self._to_fold: set[int] | None = None
        """Of what has just arrived: which it may fold over. One of them is folded."""
        self._deleted_with: set[int] = set()
        self._unmarked: set[int] = set()
        # A new list has to come, and so many may: one for each event without a message, or one for several.
        self._is_reload_due = False
        self._reloads = 0

    # -- what is sent -------------------------------------------------------------------------------------

    def send(self, sent: Sent) -> None:
        """Take note of a message."""
        action, fields = meaning(sent.data)
        if action in FAULTS:
            self.faults += 1
            self._at_once.append(action)
        elif action == "ping":
            self._at_once.append("pong")
        elif action == "refresh_token":
            self._refreshes.append(sent.is_accepted)
        else:
            self._actions.append((action, fields, sent))

    @property
    def is_answered(self) -> bool:
        """Whether nothing is missing. Of several tokens that wait, only the newest is looked at."""
        is_refreshed = not self._refreshes or (
            self._refreshed > 0 and self._last_refreshed is self._refreshes[-1]
        )
        is_done = not self._at_once and not self._actions and not self._is_reload_due
        return is_done and is_refreshed

    def waiting(self) -> str:
        """Return what is missing, for people."""
        return f"{list(self._at_once)}, {list(self._actions)[:3]}, {self._refreshes}"

    # -- what is received ---------------------------------------------------------------------------------

    def receive(self, message: Json) -> None:
        """Take the next message of the server. Raises Unsound."""
        kind = message["type"]
        if kind == "pong" or (kind == "error" and message["code"] in FAULTS):
            got = "pong" if kind == "pong" else message["code"]
            expected = self._at_once.popleft() if self._at_once else None
            if got != expected:
                raise Unsound(f"{message} instead of {expected}")
        elif kind == "token_refreshed":
            self._take_refreshed(message)
        elif kind == "notification":
            self._take_notification(message["notification"])
        elif kind == "notification_deleted" and self._is_folded(message):
            self._fold(message["notification_id"])
        elif kind == "notification_deleted" and self._is_deleted_with(message):
            self._deleted_with.add(message["notification_id"])
        elif kind == "notification_deleted" and self._is_recalling:
            self.sent.deleted.add(message["notification_id"])
        elif kind == "notification_deleted" and self._is_leaving(message):
            self._left = message["notification_id"]
        elif (
            kind == "notification_marked_unread" and self._actions and self._actions[0][0] == "undo"
        ):
            self._unmarked.add(message["notification_id"])
        elif kind == "notifications_list" and self._is_reload(message):
            self._is_reload_due, self._reloads = False, self._reloads - 1
            self.folders.reload(message)
        elif kind == "notifications_list" and self._is_recalling:
            # What was folded under it is shown again.
            raise Stale
        else:
            self._take_answer(message)

    def _take_refreshed(self, message: Json) -> None:
        self._refreshed += 1
        self._last_refreshed = message["success"]
        if self._refreshed > len(self._refreshes) or message["success"] not in self._refreshes:
            raise Unsound(f"{message} without a cause")
        if not message["success"]:
            _check_error(message.get("error"), ("UNAUTHENTICATED", "FORBIDDEN"))

    def _is_folded(self, message: Json) -> bool:
        """Whether it says that one of a group is folded under what has just arrived."""
        return self._arrived is not None and bool(self._to_fold) and message["success"] is True

    def _fold(self, id: int) -> None:
        assert self._arrived is not None
        assert self._to_fold is not None
        if id not in self._to_fold:
            raise Unsound(f"{id} was folded under {self._arrived}, not one of {self._to_fold}")
        self._check_group(self._arrived, self.folders.rows[id])
        self.folders.fold(id, self._arrived["id"])
        self._to_fold = None

    def _is_deleted_with(self, message: Json) -> bool:
        """Whether it says that something is deleted that is folded under what the next answer is about."""
        action, fields, _ = self._actions[0] if self._actions else ("", {}, None)
        if action != "delete_notification" or message["success"] is not True:
            return False
        id = message["notification_id"]
        row = self.folders.find(id)
        is_other = str(id) != str(fields.get("notification_id"))
        if row is None:
            return is_other and not self.folders.is_whole
        return is_other and row.get("folder") == "grouped"

    @property
    def _is_recalling(self) -> bool:
        return bool(self._actions) and self._actions[0][0] == "recall_notification"

    def _is_leaving(self, message: Json) -> bool:
        """Whether it says that what the next answer is about leaves the list."""
        is_move = self._actions and self._actions[0][0] in (
            "archive_notification",
            "snooze_notification",
        )
        return bool(is_move) and message["success"] is True and self._left is None

    def _is_reload(self, message: Json) -> bool:
        """Whether it is a list that nobody has asked for."""
        if not self._reloads:
            return False
        if not self._actions or self._actions[0][0] != "get_notifications":
            return True
        # Both may be due. If it is as a list should be that nobody has asked for, the other one is still to come.
        try:
            self.folders.check_reload(message)
        except Unsound:
            return False
        return True

    def _take_notification(self, row: Json) -> None:
        action, fields, sent = self._actions[0] if self._actions else ("", {}, None)
        if self._arrived or action not in (*SENDS, "unsnooze_notification"):
            raise Unsound(f"{row} without a cause")
        if not MOMENT.fullmatch(row["created_at"]):
            raise Unsound(f"{row} was created then")
        if action == "unsnooze_notification":
            self._check_returned(row)
        else:
            assert sent is not None
            self._check_arrived(row, fields, sent)
            self.sent.own.add(row["id"])
        self._arrived = row
        key = row.get("group_key")
        if key is not None and action in SENDS:
            self._to_fold = {each["id"] for each in self.folders.of_group(key)}
            if not self.folders.is_whole and row["group_count"] > 1 and not self._to_fold:
                raise Stale
            if not self._to_fold:
                self._check_group(row, None)
        self.folders.add(row)

    def _check_returned(self, row: Json) -> None:
        known = self.folders.elsewhere.get(row["id"])
        if known is None and not self.folders.is_whole:
            raise Stale
        if known is None or known["folder"] != "snoozed":
            raise Unsound(f"{row} was not snoozed: {known}")
        expected = {**known, "read": False}
        del expected["folder"], expected["snoozed_until"]
        if row != expected:
            raise Unsound(f"{row} instead of {expected}")

    def _check_arrived(self, row: Json, fields: Json, sent: Sent) -> None:
        if sent.is_good:
            wanted = {
                "title": fields["title"],
                "message": fields.get("message") or "",
                "data": fields.get("data") or {},
                "link": fields.get("link") or None,
                "read": False,
                "group_key": fields.get("group_key") or None,
            }
            if any(row.get(key) != value for key, value in wanted.items()):
                raise Unsound(f"{row} instead of {wanted}")
        newest = max([*self.folders.rows, *self.folders.elsewhere], default=0)
        if row["id"] <= newest:
            raise Unsound(f"{row} after {newest}")

    def _check_group(self, row: Json, under: Json | None) -> None:
        count = 1 if under is None else under.get("group_count", 1) + 1
        if row.get("group_count") != count or row.get("pinned") != (under or {}).get("pinned"):
            raise Unsound(f"{row} over {under}")
        if count > MOST_OF_A_GROUP:
            # The oldest of it is deleted.
            raise Stale

    def _take_answer(self, message: Json) -> None:
        if not self._actions:
            raise Unsound(f"{message} without a cause")
        if self._to_fold:
            raise Unsound(f"{message}, and none of {self._to_fold} was folded")
        self._to_fold = None
        action, fields, sent = self._actions.popleft()
        if message["type"] == "error" and action in READS:
            _check_error(message, FAILURES)
            is_done = False
        elif message["type"] != _answer_type(action, fields, message):
            raise Unsound(f"{message} as the answer to {action}")
        else:
            is_done = message.get("success", action in READS)
            if not is_done:
                _check_error(message.get("error"), FAILURES)
        wrong = wrong_fields(action, fields)
        if wrong and (is_done or _error_of(message).get("field") not in wrong):
            raise Unsound(f"{message}, although {wrong} are wrong: {sent}")
        if is_done and action == "send_notification" and not fields.get("title"):
            raise Unsound(f"{message}, although there is no title: {sent}")
        if action == "send_notification":
            self._take_sent(message, fields, sent, is_done=is_done)
        elif action == "get_notifications":
            if sent.is_good and not is_done:
                raise Unsound(f"{message} for {sent}")
            if is_done:
                self._check_list(message, fields)
        elif action == "mark_all_read" and message["type"] == ANSWERS[action] and is_done:
            self._mark_all(message)
        elif action in BULK:
            self._change_several(action, fields, message, sent, is_done=is_done)
        elif action == "undo":
            self._undo(fields, message, is_done=is_done)
        elif action == "send_many":
            self._take_many(message, fields, sent, is_done=is_done)
        elif action in BULK_SENDS:
            check_campaign(action, fields, message, is_done=is_done)
        elif action == "edit_notification":
            if self.sent.edit(fields, message, is_good=sent.is_good, is_done=is_done):
                self._await_reload()
        elif action == "recall_notification":
            self.sent.recall(fields, message, is_good=sent.is_good, is_done=is_done)
        elif action in SETTINGS:
            self.settings.take(action, fields, message, is_done=is_done)
        elif action == "get_counts":
            self._check_numbers(message)
        elif action == "mark_seen":
            self._see(message, is_done=is_done)
        elif action != "cancel_send":
            self._change(action, fields, message, sent, is_done=is_done)
        elif is_done and message["cancelled"]:
            raise Unsound(f"{message}, although nothing was scheduled")
        self._left = None

    def _take_sent(self, message: Json, fields: Json, sent: Sent, *, is_done: bool) -> None:
        arrived, self._arrived = self._arrived, None
        if sent.is_good and not is_done:
            raise Unsound(f"{message} for {sent}")
        if arrived is not None and (not is_done or message["notification_id"] != arrived["id"]):
            raise Unsound(f"{message} after {arrived}")
        if not is_done or "idempotency_key" in str(sent.data):
            return
        self.settings.check_sent(fields, message)
        if arrived is None and "suppressed" not in message:
            raise Unsound(f"{message} without a notification, for {sent}")

    def _take_many(self, message: Json, fields: Json, sent: Sent, *, is_done: bool) -> None:
        arrived, self._arrived = self._arrived, None
        if not is_done:
            if sent.is_good or arrived is not None:
                raise Unsound(f"{message} for {sent}, after {arrived}")
        elif "idempotency_key" not in str(sent.data):
            check_results(fields, message, arrived, self.settings, self.user_id)

    def _check_list(self, message: Json, fields: Json) -> None:
        limit = min(int(fields.get("limit") or PAGE), MAX_PAGE)
        got, folders = message["notifications"], self.folders
        if len(got) > limit:
            raise Unsound(f"{len(got)} rows instead of {limit}")
        folders.check_counts(message)
        if any(fields.get(key) is not None for key in FILTER_KEYS):
            matching = folders.matching("get_notifications", fields)
            ids = {row["id"] for row in matching or ()}
            if matching is not None and not {row["id"] for row in got} <= ids:
                raise Unsound(f"{got} instead of {matching}")
            if matching is not None and len(got) != min(len(ids), limit):
                raise Unsound(
                    f"{len(got)} rows instead of {len(ids)}, of which {limit} were asked for"
                )
            return
        before = fields.get("before_id")
        known = list(folders.rows.values())[::-1]
        if before is not None and not folders.has_order:
            return
        if before is not None:
            places = list(folders.rows)
            if int(before) not in places:
                return
            known = known[len(places) - places.index(int(before)) :]
        known = known[:limit]
        if not folders.has_order:
            if folders.is_whole and len(got) != len(known):
                raise Unsound(f"{len(got)} rows instead of {len(known)}")
        elif got[: len(known)] != known or (folders.is_whole and len(got) != len(known)):
            raise Unsound(f"{got} instead of {known}")

    def _check_numbers(self, message: Json) -> None:
        folders = self.folders
        if message["type"] == "error" or not folders.is_whole:
            return
        expected: dict[str, list[int]] = {}
        for row in folders.rows.values():
            numbers = expected.setdefault(row["type"], [0, 0])
            numbers[0] += 1
            numbers[1] += not row["read"]
        got = {each["type"]: [each["total"], each["unread_count"]] for each in message["types"]}
        sums = [[each["total"], each["unread_count"]] for each in message["categories"]]
        # No type is declared here, so none has a category.
        if got != expected or sums != ([[folders.total, folders.unread]] if expected else []):
            raise Unsound(f"{message} instead of {expected}")

    def _mark_all(self, message: Json) -> None:
        folders = self.folders
        if message["count"] != folders.unread:
            raise Unsound(f"{message} with {folders.unread} unread")
        for row in folders.rows.values():
            folders.mark(row, is_read=True)
        # Some may be older than those that are known.
        folders.unread = folders.unseen = 0

    def _change_several(
        self, action: str, fields: Json, message: Json, sent: Sent, *, is_done: bool
    ) -> None:
        folder = fields.get("folder") or "inbox"
        if action == "archive_all" and folder != "inbox":
            if is_done or _error_of(message).get("code") != "BAD_USER_INPUT":
                raise Unsound(f"{message} for {fields}")
            return
        if not is_done:
            if sent.is_good:
                raise Unsound(f"{message} for {sent}")
            return
        matching = self.folders.matching(action, fields)
        count, token = message["count"], message.get("undo_token")
        if (token is None) != (count == 0):
            raise Unsound(f"{message}: a token undoes what was changed")
        if count:
            self._await_reload()
        if matching is None:
            if count:
                raise Stale
            return
        if action == "mark_all_read" and fields.get("read") is True:
            matching = []
        if count != len(matching):
            raise Unsound(f"{message} for {matching}")
        if token is not None:
            self.folders.change_several(action, matching, token)

    def _undo(self, fields: Json, message: Json, *, is_done: bool) -> None:
        token = fields.get("undo_token")
        undoable = self.folders.undoable.get(token) if isinstance(token, str) else None
        if undoable is None:
            if is_done:
                raise Unsound(f"{message} for {fields}")
            return
        assert isinstance(token, str)
        if not is_done:
            if time.monotonic() - undoable.at < UNDO_SECONDS:
                raise Unsound(f"{message} for {fields}")
            del self.folders.undoable[token]
            return
        undone = self.folders.undo(token)
        # What was marked is undone by messages, one for each; anything else by a list.
        unmarked, self._unmarked = self._unmarked, set()
        is_marked = undoable.action == "mark_all_read"
        if message["count"] != len(undone) or unmarked != (undone if is_marked else set()):
            raise Unsound(f"{message} after {unmarked}, instead of {undone} for {undoable}")
        if undone and not is_marked:
            self._await_reload()

    def _await_reload(self) -> None:
        self._reloads += 1
        self._is_reload_due = True

    def _see(self, message: Json, *, is_done: bool) -> None:
        if not is_done or self.folders.unseen not in (None, message["count"]):
            raise Unsound(f"{message} with {self.folders.unseen} unseen")
        self.folders.unseen = 0

    def _change(
        self, action: str, fields: Json, message: Json, sent: Sent, *, is_done: bool
    ) -> None:
        arrived, self._arrived = self._arrived, None
        id = message["notification_id"]
        if is_done and int(fields["notification_id"]) != id:
            raise Unsound(f"{message} for {fields}")
        row = None if id is None else self.folders.find(id)
        deleted_with, self._deleted_with = self._deleted_with, set()
        is_folded = row is not None and row.get("folder") == "grouped"
        if is_folded and action in NOT_OF_FOLDED:
            code = _error_of(message).get("code")
            if is_done or (sent.is_good and code != "CONFLICT"):
                raise Unsound(f"{message} for {row}, which is folded")
            return
        if not is_done:
            if sent.is_good and row is not None and not _may_fail(action, row):
                raise Unsound(f"{message} for {fields}, which exists")
            return
        if action == "get_notification" and row is not None:
            if message["notification"] != row:
                raise Unsound(f"{message} instead of {row}")
            return
        if action == "delete_notification" and row is not None:
            self._check_deleted_with(row, deleted_with)
        if row is None:
            if self.folders.is_whole:
                raise Unsound(f"{message}, which does not exist")
            # It is older than the first lists: what it was is not known.
            raise Stale
        if action == "unsnooze_notification":
            if arrived is None and row.get("folder") == "snoozed":
                raise Unsound(f"{message}, and it did not return")
            return
        self._check_left(action, row, message)
        self._apply(action, row, fields, message)

    def _check_deleted_with(self, row: Json, deleted: set[int]) -> None:
        if row.get("folder") == "grouped":
            expected: set[int] | None = set()
        else:
            expected = self.folders.folded_under(row["id"])
        if expected is None:
            raise Stale
        if deleted != expected:
            raise Unsound(f"{deleted} were deleted with {row}, not {expected}")

    def _check_left(self, action: str, row: Json, message: Json) -> None:
        is_archived = action == "archive_notification" and row.get("folder") != "archive"
        if (is_archived or action == "snooze_notification") and self._left != row["id"]:
            raise Unsound(f"{message}, and it did not leave the list")

    def _apply(self, action: str, row: Json, fields: Json, message: Json) -> None:
        id, folders = row["id"], self.folders
        match action:
            case "mark_read" | "mark_unread":
                folders.mark(row, is_read=action == "mark_read")
            case "delete_notification":
                if "undo_token" in message:
                    folders.change_several(action, [row], message["undo_token"])
                else:
                    for each in {id} | (folders.folded_under(id) or set()):
                        folders.remove(each)
                if ("undo_token" in message) is not bool(fields.get("undoable")):
                    raise Unsound(f"{message} for {fields}")
            case "archive_notification":
                if row.get("folder") != "archive":
                    folders.file(id, "archive")
            case "snooze_notification":
                folders.file(id, "snoozed")
                until = datetime.fromisoformat(fields["until"]).astimezone(UTC)
                row["snoozed_until"] = until.strftime("%Y-%m-%dT%H:%M:%SZ")
            case "unarchive_notification":
                if row.get("folder") == "archive":
                    del row["folder"]
                    folders.put_back(row)
                    self._await_reload()
            case "pin_notification":
                row["pinned"] = True
            case "unpin_notification":
                row.pop("pinned", None)
            case "perform_action":
                if message["recorded"] is ("performed_action" in row):
                    raise Unsound(f"{message} for {row}")
                row["performed_action"] = message["action_id"]
                row["performed_at"] = message["performed_at"]


def _may_fail(action: str, row: Json) -> bool:
    """Whether a change may fail although the notification exists."""
    if action == "perform_action":
        return not any(each.get("id") == ACTION_ID for each in row.get("actions", ()))
    # So many may be pinned already.
    return action == "pin_notification"


def _answer_type(action: str, fields: Json, message: Json) -> str:
    is_of_filter = any(fields.get(key) not in DEFAULTS.get(key, (None,)) for key in FILTER_KEYS)
    if action == "mark_all_read" and is_of_filter and message.get("success"):
        return "notifications_marked_read"
    return ANSWERS[action]


DEFAULTS: dict[str, tuple[Any, ...]] = {"folder": (None, "inbox"), "pinned_only": (None, False)}
"""Values of conditions that are none."""


def _error_of(message: Json) -> Json:
    error: Json = message if message["type"] == "error" else message.get("error") or {}
    return error


def _check_error(error: Any, codes: tuple[str, ...]) -> None:
    if not isinstance(error, dict) or error.get("code") not in codes or not error.get("message"):
        raise Unsound(f"the error {error}")
