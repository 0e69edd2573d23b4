"""The checker: compares what clients received and what writers recorded with what was committed. Pure.

The log is taken as it was read from the database, and is itself checked first: its counts must follow from its
events, and the list that is in the database at the end must be what they make.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

from tests.chaos.comparing import Comparisons, differences, list_differences
from tests.chaos.group_checks import group_differences
from tests.chaos.history import (
    ADDED,
    ADVANCE,
    ALL_READ,
    ARCHIVED,
    CANCELLED,
    COMMITTED,
    CONTENT,
    DELETED,
    EVENT,
    GROUPED,
    MANY_READ,
    OF_ONE,
    PINNED,
    PREFERENCE,
    READ,
    RESTORED,
    RETURNED,
    ROLLED_BACK,
    SCHEDULED,
    SEEN,
    SNOOZED,
    SUPPRESSED,
    UNARCHIVED,
    UNDONE,
    UNPINNED,
    UNREAD,
    WITH_NEW_LIST,
    WITHOUT_MESSAGE,
    Advanced,
    Claim,
    Closed,
    EpochLog,
    EventContent,
    Follower,
    Inbox,
    Listed,
    Message,
    Notification,
    Opened,
    Original,
    Place,
    Received,
    Reset,
    Segment,
)
from tests.chaos.snapshot_checks import snapshot_differences
from tests.chaos.undo_checks import undo_differences

SAME_EFFECT = {
    READ: (ALL_READ,),
    UNREAD: (RETURNED,),
    ARCHIVED: (UNARCHIVED, SNOOZED, RETURNED, RESTORED),
    UNARCHIVED: (ARCHIVED, SNOOZED, RETURNED, RESTORED),
    SNOOZED: (ARCHIVED, UNARCHIVED, RETURNED, RESTORED),
    RETURNED: (ARCHIVED, UNARCHIVED, SNOOZED, RESTORED),
    PINNED: (UNPINNED, RESTORED),
    UNPINNED: (PINNED, RESTORED, GROUPED),
}
"""Events of other writers after which a change may change nothing."""
JSON_CONTENT = tuple(name for name in CONTENT if name != "sender")
"""What the JSON API shows."""
JSON_FOLLOWED = tuple(
    name for name in JSON_CONTENT if name not in ("pinned", "performed_action", "performed_at")
)
"""What its clients know without reading the list anew: nobody tells them of the rest."""


class Wrong(StrEnum):
    """What can be wrong with a run."""

    LOST = "an event was lost"
    DOUBLED = "an event came twice"
    OUT_OF_ORDER = "an event came out of order"
    INVENTED = "something was delivered that was never committed"
    GARBLED = "an event was delivered with other content than was committed"
    MISCOUNTED = "counts are wrong"
    LIST = "a list is not what its log makes of it"
    NOT_THE_LOG = "what a client received is no contiguous segment of the log"
    FORGOTTEN = "a commit that was confirmed to a writer is not in the log"
    REPEATED = "one send is in the log more than once"
    NOT_UNDONE = "what was rolled back is in the log"
    RESET_UNEXPECTED = "a reset came without a reason"
    RESET_MISSING = "a necessary reset did not come"
    TOO_EARLY = "a notification expired before its time"
    NOT_AS_SENT = "what was committed is not what was sent"
    UNDONE_WRONG = "what was undone is not as it was"
    GROUPED_WRONG = "a group is not what its notifications make"
    NOT_ASKED = "an event of a type that was not asked for came"


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that breaks the promise, and who noticed."""

    wrong: Wrong
    who: str
    detail: str

    def __str__(self) -> str:
        return f"{self.who}: {self.wrong.value}: {self.detail}"


def check(
    inboxes: Mapping[int, Inbox],
    claims: Iterable[Claim],
    followers: Iterable[Follower],
    originals: Iterable[Original],
    comparisons: Comparisons | None = None,
) -> list[Violation]:
    """Return everything that is wrong with a run after which every client had time to catch up."""
    counted = Comparisons() if comparisons is None else comparisons
    found = [each for user, inbox in inboxes.items() for each in check_log(user, inbox, counted)]
    found += check_claims(inboxes, claims, counted)
    for follower in followers:
        found += check_follower(follower, inboxes[follower.inbox], counted)
    for original in originals:
        found += check_original(original, inboxes[original.inbox], counted)
    return found


# -- the log ---------------------------------------------------------------------------------------------


def check_log(user: int, inbox: Inbox, counted: Comparisons) -> Iterator[Violation]:
    """Yield what is wrong with an inbox's log itself, whatever was delivered."""
    who = f"inbox {user}"
    for epoch_log in inbox.epoch_logs:
        yield from _check_counts(who, epoch_log, counted)
        for detail in snapshot_differences(epoch_log.events, counted):
            yield Violation(Wrong.GARBLED, who, f"{epoch_log.epoch}.{detail}")
        for detail in group_differences(epoch_log.events, counted):
            yield Violation(Wrong.GROUPED_WRONG, who, f"{epoch_log.epoch}.{detail}")
    if inbox.last.states[-1].digest != inbox.digest:
        yield Violation(
            Wrong.LIST, who, f"{len(inbox.notifications)} notifications are in the list"
        )
    actual = (sum(not read for read in inbox.notifications.values()), len(inbox.notifications))
    if actual != (inbox.unread, inbox.total):
        row = (
            f"{inbox.unread} unread of {inbox.total} are counted, {actual[0]} of {actual[1]} there"
        )
        yield Violation(Wrong.MISCOUNTED, who, row)
    replayed = None if inbox.rows is None else inbox.last.list_at(len(inbox.last.events))
    if inbox.rows is not None and replayed is not None:
        for detail in list_differences(inbox.rows, replayed, "database list", counted):
            yield Violation(Wrong.LIST, who, detail)
    for folder, rows in inbox.elsewhere.items():
        expected = inbox.last.list_at(len(inbox.last.events), folder) or []
        for detail in list_differences(rows, expected, f"database {folder}", counted):
            yield Violation(Wrong.LIST, who, f"{folder}: {detail}")
    counts, there = inbox.folder_counts
    if list(counts) != list(there):
        detail = f"{counts} unseen, archived, snoozed are counted, {there} there"
        yield Violation(Wrong.MISCOUNTED, who, detail)
    for detail in inbox.too_early:
        yield Violation(Wrong.TOO_EARLY, who, detail)


def _check_counts(who: str, epoch_log: EpochLog, counted: Comparisons) -> Iterator[Violation]:
    for sequence, (content, state) in enumerate(
        zip(epoch_log.events, epoch_log.states[1:], strict=True), 1
    ):
        counted["log event.unread"] += 1
        counted["log event.total"] += content.total is not None
        if content.unread != state.unread:
            detail = f"{epoch_log.epoch}.{sequence} says {content.unread} unread, there are {state.unread}"
            yield Violation(Wrong.MISCOUNTED, who, detail)
        if content.total not in (None, state.total):
            detail = (
                f"{epoch_log.epoch}.{sequence} says {content.total} in all, there are {state.total}"
            )
            yield Violation(Wrong.MISCOUNTED, who, detail)


# -- writers ---------------------------------------------------------------------------------------------


def check_claims(
    inboxes: Mapping[int, Inbox], claims: Iterable[Claim], counted: Comparisons
) -> Iterator[Violation]:
    """Yield every difference between what writers recorded and what is in the logs."""
    places = {user: _places(inbox) for user, inbox in inboxes.items()}
    tried: dict[int, set[str]] = {user: set() for user in inboxes}
    for claim in claims:
        tried[claim.inbox].add(claim.title)
        inbox = inboxes[claim.inbox]
        if claim.outcome == SCHEDULED and claim.title in inbox.pending:
            continue
        has_lost_nothing = len(inbox.epoch_logs) == 1 and not inbox.last.was_cut
        yield from _check_claim(
            claim, places[claim.inbox], counted, has_lost_nothing=has_lost_nothing
        )
        if claim.what == UNDONE and claim.outcome == COMMITTED:
            counted[f"writer {claim.path}.commit"] += 1
            for detail in undo_differences(claim, inbox, counted):
                yield Violation(Wrong.UNDONE_WRONG, claim.writer, detail)
    for user, found in places.items():
        for what, _, title in found:
            if what == ADDED and title not in tried[user]:
                yield Violation(Wrong.INVENTED, f"inbox {user}", f"no writer sent {title!r}")


@dataclass(frozen=True, slots=True)
class _Found:
    """An event in a log: in which one of the inbox's, and where there."""

    log: int
    place: Place
    content: EventContent

    def __str__(self) -> str:
        return str(self.place)


_Places = Mapping[tuple[str, int, str], list[_Found]]


def _key(what: str, notification_id: int, title: str) -> tuple[str, int, str]:
    """By title alone what was added, and by place alone what was marked together: writers do not know more."""
    if what == ADDED:
        return (what, 0, title)
    return (what, 0 if what in (ALL_READ, SEEN, *OF_ONE) else notification_id, "")


def _places(inbox: Inbox) -> _Places:
    """Where each change is, by its key."""
    found: dict[tuple[str, int, str], list[_Found]] = {}
    for number, epoch_log in enumerate(inbox.epoch_logs):
        for sequence, content in enumerate(epoch_log.events, 1):
            place = Place(epoch_log.epoch, sequence)
            keys = [_key(content.what, content.notification_id, content.title)]
            keys += [_key(OF_ONE[content.what], id, "") for id in content.ids]
            for key in keys:
                found.setdefault(key, []).append(_Found(number, place, content))
    return found


def _check_claim(
    claim: Claim, places: _Places, counted: Comparisons, *, has_lost_nothing: bool
) -> Iterator[Violation]:
    name = claim.title or f"{claim.what} {claim.notification_id}"
    found = places.get(_key(claim.what, claim.notification_id, claim.title), [])
    if claim.outcome == COMMITTED and claim.what not in (PREFERENCE, UNDONE):
        counted[f"writer {claim.path}.commit"] += 1
        if claim.what == ALL_READ:
            # By their ids, if some that came back after the position stay unread among them.
            found = found + places.get((MANY_READ, 0, ""), [])
        if not claim.sequence:
            # The writer does not know whether it was so already, by something else.
            for what in SAME_EFFECT.get(claim.what, ()):
                found = found + places.get(_key(what, claim.notification_id, ""), [])
        if not any(claim.sequence in (0, each.place.sequence) for each in found):
            yield Violation(Wrong.FORGOTTEN, claim.writer, f"{name} in inbox {claim.inbox}")
    elif claim.outcome in (ROLLED_BACK, SUPPRESSED) and found:
        yield Violation(Wrong.NOT_UNDONE, claim.writer, f"{name} at {found[0]}")
    elif has_lost_nothing and claim.outcome == CANCELLED and found:
        yield Violation(Wrong.NOT_UNDONE, claim.writer, f"{name} at {found[0]} was cancelled")
    elif has_lost_nothing and claim.outcome == SCHEDULED and not found:
        yield Violation(Wrong.FORGOTTEN, claim.writer, f"{name} was scheduled and never came")
    if claim.what != ADDED:
        return
    for before, after in pairwise(found):
        if before.log == after.log and not (claim.key and _is_gone(before, after, places)):
            yield Violation(Wrong.REPEATED, claim.writer, f"{name} at {before} and {after}")
    for each in found[:1]:
        for detail in _unlike(claim, each.content.notification, counted):
            yield Violation(Wrong.NOT_AS_SENT, claim.writer, f"{name} at {each}: {detail}")


def _is_gone(before: _Found, after: _Found, places: _Places) -> bool:
    """Whether a notification was deleted before another with its key was added: a key lives as long as that."""
    deletions = places.get((DELETED, before.content.notification_id, ""), [])
    return any(
        each.log == before.log
        and before.place.sequence < each.place.sequence < after.place.sequence
        for each in deletions
    )


def _unlike(claim: Claim, shown: Notification | None, counted: Comparisons) -> Iterator[str]:
    for field, sent in (claim.content or {}).items():
        if shown is None:
            return
        counted[f"writer {claim.path}.{field}"] += 1
        committed = getattr(shown, field)
        if field == "sender":
            committed = committed and committed.split(",")[0].strip('["')
        if committed != sent:
            yield f"{field} {committed!r}, not {sent!r}"


# -- clients that hold positions -------------------------------------------------------------------------


class _Reader:
    """Goes through one history, item by item, at a place of the log.

    Where an epoch has two logs, the history has to be that of one of them: `_logs` are those that it can be.
    """

    def __init__(self, follower: Follower, inbox: Inbox, counted: Comparisons) -> None:
        self._follower = follower
        self._inbox = inbox
        self._counted = counted
        self._place: Place | None = None
        self._logs: list[EpochLog] = []
        self._missing: dict[Place, Place] = {}
        self._seen: set[Place] = set()
        self.resets: set[str] = set()
        self.found: list[Violation] = []

    def note(self, wrong: Wrong, detail: str) -> None:
        self.found.append(Violation(wrong, self._follower.name, detail))

    def _holding(self, place: Place) -> list[EpochLog]:
        """Return the logs that have this place, the newest one last."""
        logs = self._inbox.logs_of(place.epoch)
        return [each for each in logs if 0 <= place.sequence <= len(each.events)]

    def listed(self, listed: Listed) -> None:
        logs = self._holding(listed.place)
        if not logs:
            self.note(Wrong.INVENTED, f"a list at {listed.place}")
            return
        for name in ("unread", "total"):
            self._counted[f"{self._follower.kind} list.{name}"] += 1
        states = [each.states[listed.place.sequence] for each in logs]
        if all((listed.unread, listed.total) != (state.unread, state.total) for state in states):
            says = f"{listed.unread} unread of {listed.total} at {listed.place}"
            there = f"{states[-1].unread} of {states[-1].total}"
            self.note(Wrong.MISCOUNTED, f"{says}: there were {there}")
        found = [self._unlike(listed, each) for each in logs]
        if all(found):
            self.note(Wrong.LIST, f"at {listed.place}: {'; '.join(found[-1][:3])}")

    def _unlike(self, listed: Listed, epoch_log: EpochLog) -> list[str]:
        expected = epoch_log.list_at(listed.place.sequence, listed.folder)
        if listed.is_final and listed.folder == "inbox":
            expected = self._inbox.rows
        elif not listed.first:
            return []
        if expected is None:
            return []
        shown = expected if listed.is_final else expected[: listed.first]
        what = f"{self._follower.kind} {'final list' if listed.is_final else 'list'}"
        return list_differences(listed.notifications, shown, what, self._counted)

    def opened(self, opened: Opened) -> None:
        if self._place is None:
            self._place = opened.after
            self._logs = self._holding(opened.after)
        elif opened.after != self._place:
            # The client's own fault, but then the rest of its history proves nothing.
            self.note(Wrong.NOT_THE_LOG, f"it was at {self._place} and resumed at {opened.after}")
            self._place = opened.after

    def received(self, received: Received) -> None:
        place = received.place
        agreeing = self._agreeing(
            place,
            lambda committed: self._unlike_event(received.content, committed),
            str(received.content),
        )
        if agreeing and not any(self._is_asked(each, place.sequence) for each in agreeing):
            self.note(Wrong.NOT_ASKED, f"{place}: {received.content}")
        self._move(place, agreeing)
        self._missing.pop(place, None)

    def advanced(self, advanced: Advanced) -> None:
        what = f"{self._follower.kind} advance"
        agreeing = self._agreeing(
            advanced.place,
            lambda committed: differences(advanced, committed, ADVANCE, what, self._counted),
            str(advanced),
        )
        # Its event is one that was left out, or that has lost its content. If it is neither, it is missing.
        self._move(advanced.place, agreeing)
        if any(self._is_erasable(each, advanced.place.sequence) for each in agreeing):
            self._missing.pop(advanced.place, None)

    def _is_erasable(self, epoch_log: EpochLog, sequence: int) -> bool:
        """Whether the event's notification was deleted later, so that the event may come without it."""
        return epoch_log.may_be_erased(sequence)

    def _is_asked(self, epoch_log: EpochLog, sequence: int) -> bool:
        """Whether the client has asked for the events of that type."""
        types = self._follower.types
        if types is None:
            return True
        about = epoch_log.types[sequence - 1]
        return about is None or about in types

    def _is_needed(self, epoch_log: EpochLog, sequence: int) -> bool:
        """Whether the client has to get something for an event, be it without its content."""
        if self._follower.types is not None and self._is_erasable(epoch_log, sequence):
            return False
        return self._is_asked(epoch_log, sequence)

    def _is_due(self, sequence: int) -> bool:
        logs = [each for each in self._logs if sequence <= len(each.events)]
        return not logs or any(self._is_needed(each, sequence) for each in logs)

    def _move(self, place: Place, agreeing: list[EpochLog]) -> None:
        """Go to a place. All between, and itself, is missing, unless it was not asked for."""
        at = self._place
        if at is None or place.epoch != at.epoch:
            self.note(Wrong.RESET_MISSING, f"{place} was delivered after {at}")
            self._logs = agreeing
        elif place.sequence <= at.sequence:
            late = self._missing.pop(place, None)
            if late is None or place in self._seen:
                self.note(Wrong.DOUBLED, f"{place} after {at}")
            else:
                self.note(Wrong.OUT_OF_ORDER, f"{place} after {at}")
            self._seen.add(place)
            return
        else:
            if agreeing and not any(each in agreeing for each in self._logs):
                self.note(Wrong.RESET_MISSING, f"{place} is of another log than what was before")
                self._logs = agreeing
            self._logs = [each for each in self._logs if each in agreeing] or self._logs
            for sequence in range(at.sequence + 1, place.sequence + 1):
                if self._is_due(sequence):
                    self._missing[Place(place.epoch, sequence)] = place
        self._seen.add(place)
        self._place = place

    def _agreeing(
        self, place: Place, unlike: Callable[[EventContent], list[str]], name: str
    ) -> list[EpochLog]:
        """Return the logs whose event at this place is what was received; note what is wrong if none has."""
        logs = self._holding(place) if place.sequence else []
        if not logs:
            self.note(Wrong.INVENTED, f"{place}: {name}")
            return []
        details: list[str] = []
        agreeing = []
        for each in logs:
            details = unlike(each.events[place.sequence - 1])
            if not details:
                agreeing.append(each)
        if not agreeing:
            self.note(Wrong.GARBLED, f"{place}: {'; '.join(details)}")
        return agreeing

    def _unlike_event(self, received: EventContent, committed: EventContent) -> list[str]:
        what = f"{self._follower.kind} event"
        found = differences(received, committed, EVENT, what, self._counted)
        if received.notification is None or committed.notification is None:
            if received.notification is not committed.notification:
                found.append(f"{received.notification}, not {committed.notification}")
            return found
        shown, there = received.notification, committed.notification
        return found + differences(shown, there, CONTENT, what, self._counted)

    def reset(self, reset: Reset) -> None:
        self.resets.add(reset.reason)
        logs = self._holding(reset.place)
        if not logs:
            self.note(Wrong.INVENTED, f"a reset to {reset.place}")
        elif not self._is_justified(reset, logs[-1]):
            detail = f"{reset.reason} at {self._place}, to {reset.place}"
            self.note(Wrong.RESET_UNEXPECTED, detail)
        self._counted[f"{self._follower.kind} reset.{reset.reason}"] += 1
        self._place, self._logs = reset.place, logs

    def _is_justified(self, reset: Reset, epoch_log: EpochLog) -> bool:
        at = self._place
        if at is None:
            return False
        if any(each.was_cut for each in self._inbox.logs_of(at.epoch)):
            return True
        if at.epoch != epoch_log.epoch:
            epochs = [each.epoch for each in self._inbox.epoch_logs]
            is_older = at.epoch in epochs and epochs.index(at.epoch) < epochs.index(epoch_log.epoch)
            return reset.reason == "EPOCH" and is_older
        return reset.reason == "EXPIRED" and at.sequence + 1 < epoch_log.first

    def end(self) -> None:
        for place, before in self._missing.items():
            self.note(Wrong.LOST, f"{place}, before {before}")
        if (
            self._follower.expected_reset is not None
            and self._follower.expected_reset not in self.resets
        ):
            self.note(Wrong.RESET_MISSING, f"{self._follower.expected_reset} had to come")
        at, head = self._place, self._inbox.last.head
        if at is None or at.epoch != head.epoch:
            self.note(Wrong.RESET_MISSING, f"it is still at {at}, the inbox is at {head}")
        elif at.sequence > head.sequence or self._inbox.last not in self._logs:
            if not any(each.wrong in (Wrong.INVENTED, Wrong.GARBLED) for each in self.found):
                self.note(Wrong.RESET_MISSING, f"it is at {at} of a log that is no more: {head}")
        elif any(self._is_due(each) for each in range(at.sequence + 1, head.sequence + 1)):
            self.note(Wrong.LOST, f"everything after {at}, up to {head}")


def check_follower(follower: Follower, inbox: Inbox, counted: Comparisons) -> list[Violation]:
    """Return what is wrong with the history of a client that holds positions."""
    reader = _Reader(follower, inbox, counted)
    for item in follower.items:
        match item:
            case Listed():
                reader.listed(item)
            case Opened():
                reader.opened(item)
            case Received():
                reader.received(item)
            case Advanced():
                reader.advanced(item)
            case Reset():
                reader.reset(item)
            case Closed():
                pass
    reader.end()
    return reader.found


# -- clients of the JSON API -----------------------------------------------------------------------------


_Script = tuple[list[Message], list[int], dict[Message, list[int]]]
"""The messages of an epoch, their sequences, and where each message is."""


def check_original(original: Original, inbox: Inbox, counted: Comparisons) -> list[Violation]:
    """Return what is wrong with the history of a client of the JSON API.

    It holds no positions, but whatever it was delivered after a list must be one unbroken stretch of the log, and its
    list must then be what the log makes of it there.
    """
    found = [Violation(Wrong.DOUBLED, original.name, each) for each in original.mismatches]
    scripts = [_script(epoch_log) for epoch_log in inbox.epoch_logs]
    for segment in original.segments:
        if not _fits_any(segment, inbox, scripts) and not _fits_in_two(segment, inbox, scripts):
            found.append(Violation(Wrong.NOT_THE_LOG, original.name, _why(segment, inbox)))
        counted[f"{original.kind} segment.order"] += 1
        found += _check_shown(original, segment, inbox, counted)
    if original.rows is not None and inbox.rows is not None:
        expected = [each.as_json() for each in inbox.rows]
        what = f"{original.kind} final list"
        for detail in list_differences(original.rows, expected, what, counted, JSON_FOLLOWED):
            found.append(Violation(Wrong.LIST, original.name, detail))
    last = original.segments[-1].digest if original.segments else None
    if last != inbox.digest:
        detail = "its list is not complete" if last is None else "its list is not the inbox's"
        found.append(Violation(Wrong.LOST, original.name, f"{detail} at the end"))
    return found


def _fits_any(segment: Segment, inbox: Inbox, scripts: Sequence[_Script]) -> bool:
    return any(
        _fits(segment, epoch_log, *script)
        for epoch_log, script in zip(inbox.epoch_logs, scripts, strict=True)
    )


def _fits_in_two(segment: Segment, inbox: Inbox, scripts: Sequence[_Script]) -> bool:
    """Whether the epoch ended within the segment: what follows the reset may come before the list that replaces all."""
    if not segment.was_replaced or len(inbox.epoch_logs) < 2:
        return False
    return any(
        _fits_any(replace(segment, messages=segment.messages[:split]), inbox, scripts)
        and _fits_any(replace(segment, messages=segment.messages[split:]), inbox, scripts)
        for split in range(1, len(segment.messages))
    )


def _check_shown(
    original: Original, segment: Segment, inbox: Inbox, counted: Comparisons
) -> Iterator[Violation]:
    """Yield notifications that were shown in another form than that in which they were committed.

    Whether they were read is compared by the digest.
    """
    committed: dict[tuple[int, int], set[Notification]] = {}
    for log, epoch_log in enumerate(inbox.epoch_logs):
        for content in epoch_log.events:
            if content.notification is not None:
                as_read = replace(content.notification.as_json(), read_at="")
                committed.setdefault((log, content.notification_id), set()).add(as_read)
    for shown in segment.shown:
        found = []
        for log in range(len(inbox.epoch_logs)):
            # As any event has shown it: of some changes, this API has no messages.
            versions = [
                differences(
                    shown,
                    replace(each, read_at=shown.read_at),
                    JSON_CONTENT,
                    f"{original.kind} event",
                    counted,
                )
                for each in committed.get((log, shown.id), ())
            ]
            if versions:
                found.append(min(versions, key=len))
        if not found:
            yield Violation(Wrong.INVENTED, original.name, f"{shown}")
        elif all(found):
            yield Violation(Wrong.GARBLED, original.name, f"{shown.id}: {'; '.join(found[-1])}")


def _why(segment: Segment, inbox: Inbox) -> str:
    """Describe what is wrong with a segment, with everything that is needed to find the cause."""
    received = f"at {segment.at:.2f}, {list(segment.messages)}"
    unlisted = replace(segment, digest=None)
    for epoch_log in inbox.epoch_logs:
        if _fits(unlisted, epoch_log, *_script(epoch_log)):
            return f"the list does not fit, {received} in epoch {epoch_log.epoch}"
    return received


def _script(epoch_log: EpochLog) -> _Script:
    """Return the messages to a client that is connected for a whole epoch, their sequences, and where each is."""
    messages: list[Message] = []
    sequences: list[int] = []
    places: dict[Message, list[int]] = {}
    for sequence, content in enumerate(epoch_log.events, 1):
        # A mark-all that left something unread has no message: the client gets a new list instead.
        is_partial = content.what == ALL_READ and content.unread > 0
        if content.what not in WITHOUT_MESSAGE and not is_partial:
            places.setdefault(content.short(), []).append(len(messages))
            messages.append(content.short())
            sequences.append(sequence)
    return messages, sequences, places


def _fits(
    segment: Segment,
    epoch_log: EpochLog,
    messages: list[Message],
    sequences: list[int],
    places: dict[Message, list[int]],
) -> bool:
    received = list(segment.messages)
    if not received:
        return segment.digest is None or any(
            state.digest == segment.digest for state in epoch_log.states
        )
    for last in places.get(received[-1], []):
        missing = _missing(received, epoch_log, messages, sequences, last)
        if missing is None:
            continue
        if segment.digest is None or epoch_log.states[sequences[last]].digest == segment.digest:
            return True
        if _lacks_a_list(epoch_log, sequences[last], len(received) + len(missing)):
            return True
        if any(epoch_log.removals[id] > sequences[last] for id in missing):
            # The client was not sent what is deleted later on, so until then its list is another one.
            return True
    return False


def _lacks_a_list(epoch_log: EpochLog, last: int, messages: int) -> bool:
    """Whether the connection may have ended before a new list came, for an event among the last ones."""
    for content in reversed(epoch_log.events[:last]):
        if content.what in WITH_NEW_LIST:
            return True
        messages -= content.what not in WITHOUT_MESSAGE
        if messages < 0:
            return False
    return False


def _missing(
    received: Sequence[Message],
    epoch_log: EpochLog,
    messages: Sequence[Message],
    sequences: Sequence[int],
    last: int,
) -> set[int] | None:
    """Return the notifications about which messages are missing in a stretch of the log that ends with one.

    None if other messages are missing than those that may be: they were about a notification that was deleted later.
    """
    missing: set[int] = set()
    place = last
    for message in reversed(received):
        while place >= 0 and messages[place] != message:
            if not epoch_log.may_be_erased(sequences[place]):
                return None
            missing.add(messages[place][1])
            place -= 1
        if place < 0:
            return None
        place -= 1
    return missing
