"""What can be wrong with an inbox, and how a person reads it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Flaw(StrEnum):
    """A problem of an inbox. The comments say what `expected` and `found` of a finding count."""

    NO_INBOX = "no_inbox"  # inboxes of a user who has notifications
    UNREAD_COUNT = "unread_count"  # unread notifications: there, counted
    TOTAL_COUNT = "total_count"  # notifications: there, counted
    UNSEEN_COUNT = "unseen_count"  # unseen notifications: there, counted
    ARCHIVED_COUNT = "archived_count"  # archived notifications: there, counted
    SNOOZED_COUNT = "snoozed_count"  # snoozed notifications: there, counted
    LOG_HOLES = "log_holes"  # events between the first and the last sequence
    LOG_BELOW_FIRST = "log_below_first"  # events left behind before the first sequence
    LOG_ABOVE_LAST = (
        "log_above_last"  # events whose sequences would be taken again: sends would fail
    )
    ADDED_SEQUENCE = "added_sequence"  # the last event: of the inbox, according to a notification
    NOT_AS_ADDED = "not_as_added"  # notifications whose event is missing, or has other content
    NOT_REMOVED = "not_removed"  # notifications that are gone, though no event removed them
    REMOVED = "removed"  # notifications that are there, though an event removed them
    NOT_ERASED = "not_erased"  # notifications that are gone, whose content is still in the log
    READ_STATE = "read_state"  # notifications that are not read or unread as the last event says
    FOLDERS = "folders"  # notifications that are not in the folder that the last event says
    ID_ORDER = "id_order"  # the oldest id in the log, and a larger one that claims to be older
    FINGERPRINTS = "fingerprints"  # the last fingerprint: according to the log, of the inbox


_SENTENCES = {
    Flaw.NO_INBOX: "there are notifications, but no inbox that counts them",
    Flaw.UNREAD_COUNT: "{found} unread notifications are counted, {expected} are there",
    Flaw.TOTAL_COUNT: "{found} notifications are counted, {expected} are there",
    Flaw.UNSEEN_COUNT: "{found} unseen notifications are counted, {expected} are there",
    Flaw.ARCHIVED_COUNT: "{found} archived notifications are counted, {expected} are there",
    Flaw.SNOOZED_COUNT: "{found} snoozed notifications are counted, {expected} are there",
    Flaw.LOG_HOLES: "the log has {found} of {expected} events",
    Flaw.LOG_BELOW_FIRST: "events before the beginning of the log: {found}",
    Flaw.LOG_ABOVE_LAST: "events beyond the end of the log: {found}",
    Flaw.ADDED_SEQUENCE: "a notification came with event {found}, but the last is {expected}",
    Flaw.NOT_AS_ADDED: "notifications that the log did not add, or not with this content: {found}",
    Flaw.NOT_REMOVED: "notifications that are gone without an event: {found}",
    Flaw.REMOVED: "notifications that are there although an event removed them: {found}",
    Flaw.NOT_ERASED: "notifications that are gone, though the log still has their content: {found}",
    Flaw.READ_STATE: "notifications that were marked without an event: {found}",
    Flaw.FOLDERS: "notifications that were moved without an event: {found}",
    Flaw.ID_ORDER: "notification {found} claims to be older than the log, which begins with {expected}",
    Flaw.FINGERPRINTS: "the fingerprints of the log lead to {expected}, but the inbox has {found}",
}

HARMLESS = frozenset({Flaw.LOG_BELOW_FIRST, Flaw.NOT_ERASED})
"""Problems that are corrected without a reset: clients have received nothing wrong."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem of one inbox, with the expected and the found number."""

    user: str
    kind: Flaw
    expected: int
    found: int

    def __str__(self) -> str:
        said = _SENTENCES[self.kind].format(expected=self.expected, found=self.found)
        return f"User {self.user}: {said}"
