"""The checker: compares what clients received and what writers recorded with what was committed. Pure.

The log is taken as it was read from the database, and is itself checked first: its counts must follow from its
events, and the list that is in the database at the end must be what they make.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from tests.chaos.history import (
    ADDED,
    ALL_READ,
    COMMITTED,
    ROLLED_BACK,
    Claim,
    Closed,
    EpochLog,
    Follower,
    Inbox,
    Listed,
    Message,
    Opened,
    Original,
    Place,
    Received,
    Reset,
    Segment,
)


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
) -> list[Violation]:
    """Return everything that is wrong with a run after which every client had time to catch up."""
    found = [each for user, inbox in inboxes.items() for each in check_log(user, inbox)]
    found += check_claims(inboxes, claims)
    for follower in followers:
        found += check_follower(follower, inboxes[follower.inbox])
    for original in originals:
        found += check_original(original, inboxes[original.inbox])
    return found


# -- the log ---------------------------------------------------------------------------------------------


def check_log(user: int, inbox: Inbox) -> Iterator[Violation]:
    """Yield what is wrong with an inbox's log itself, whatever was delivered."""
    who = f"inbox {user}"
    for epoch_log in inbox.epoch_logs:
        for sequence, (content, state) in enumerate(
            zip(epoch_log.events, epoch_log.states[1:], strict=True), 1
        ):
            if content.unread != state.unread:
                detail = f"{epoch_log.epoch}.{sequence} says {content.unread} unread, there are {state.unread}"
                yield Violation(Wrong.MISCOUNTED, who, detail)
    if inbox.last.states[-1].digest != inbox.digest:
        yield Violation(
            Wrong.LIST, who, f"{len(inbox.notifications)} notifications are in the list"
        )
    actual = (sum(not read for read in inbox.notifications.values()), len(inbox.notifications))
    if actual != (inbox.unread, inbox.total):
        counted = (
            f"{inbox.unread} unread of {inbox.total} are counted, {actual[0]} of {actual[1]} there"
        )
        yield Violation(Wrong.MISCOUNTED, who, counted)


# -- writers ---------------------------------------------------------------------------------------------


def check_claims(inboxes: Mapping[int, Inbox], claims: Iterable[Claim]) -> Iterator[Violation]:
    """Yield every difference between what writers recorded and what is in the logs."""
    places = {user: _places(inbox) for user, inbox in inboxes.items()}
    tried: dict[int, set[str]] = {user: set() for user in inboxes}
    for claim in claims:
        tried[claim.inbox].add(claim.title)
        yield from _check_claim(claim, places[claim.inbox])
    for user, found in places.items():
        for what, _, title in found:
            if what == ADDED and title not in tried[user]:
                yield Violation(Wrong.INVENTED, f"inbox {user}", f"no writer sent {title!r}")


_Places = Mapping[tuple[str, int, str], list[Place]]


def _places(inbox: Inbox) -> _Places:
    """Where each change is: by kind, notification and, for those added, title alone."""
    found: dict[tuple[str, int, str], list[Place]] = {}
    for epoch_log in inbox.epoch_logs:
        for sequence, content in enumerate(epoch_log.events, 1):
            added = content.what == ADDED
            key = (
                (content.what, 0, content.title)
                if added
                else (content.what, content.notification_id, "")
            )
            found.setdefault(key, []).append(Place(epoch_log.epoch, sequence))
    return found


def _check_claim(claim: Claim, places: _Places) -> Iterator[Violation]:
    name = claim.title or f"{claim.what} {claim.notification_id}"
    key = (claim.what, 0, claim.title) if claim.what == ADDED else None
    key = key or (claim.what, claim.notification_id, "")
    found = places.get(key, [])
    if claim.outcome == COMMITTED:
        if not any(claim.sequence in (0, place.sequence) for place in found):
            yield Violation(Wrong.FORGOTTEN, claim.writer, f"{name} in inbox {claim.inbox}")
    elif claim.outcome == ROLLED_BACK and found:
        yield Violation(Wrong.NOT_UNDONE, claim.writer, f"{name} at {found[0]}")
    if claim.what == ADDED and len(found) > len({place.epoch for place in found}):
        yield Violation(Wrong.REPEATED, claim.writer, f"{name} at {', '.join(map(str, found))}")


# -- clients that hold positions -------------------------------------------------------------------------


class _Reader:
    """Goes through one history, item by item, at a place of the log."""

    def __init__(self, follower: Follower, inbox: Inbox) -> None:
        self._follower = follower
        self._inbox = inbox
        self._place: Place | None = None
        self._missing: dict[Place, Place] = {}
        self._seen: set[Place] = set()
        self.resets: set[str] = set()
        self.found: list[Violation] = []

    def note(self, wrong: Wrong, detail: str) -> None:
        self.found.append(Violation(wrong, self._follower.name, detail))

    def listed(self, listed: Listed) -> None:
        epoch_log = self._inbox.epoch_log(listed.place.epoch)
        if epoch_log is None or listed.place.sequence > len(epoch_log.events):
            self.note(Wrong.INVENTED, f"a list at {listed.place}")
            return
        state = epoch_log.states[listed.place.sequence]
        if (listed.unread, listed.total) != (state.unread, state.total):
            says = f"{listed.unread} unread of {listed.total} at {listed.place}"
            self.note(Wrong.MISCOUNTED, f"{says}: there were {state.unread} of {state.total}")

    def opened(self, opened: Opened) -> None:
        if self._place is None:
            self._place = opened.after
        elif opened.after != self._place:
            # The client's own fault, but then the rest of its history proves nothing.
            self.note(Wrong.NOT_THE_LOG, f"it was at {self._place} and resumed at {opened.after}")
            self._place = opened.after

    def received(self, received: Received) -> None:
        self._compare(received)
        at, place = self._place, received.place
        if at is None or place.epoch != at.epoch:
            self.note(Wrong.RESET_MISSING, f"{place} was delivered after {at}")
        elif place.sequence <= at.sequence:
            late = self._missing.pop(place, None)
            if late is None or place in self._seen:
                self.note(Wrong.DOUBLED, f"{place} after {at}")
            else:
                self.note(Wrong.OUT_OF_ORDER, f"{place} after {at}")
            self._seen.add(place)
            return
        else:
            for sequence in range(at.sequence + 1, place.sequence):
                self._missing[Place(place.epoch, sequence)] = place
        self._seen.add(place)
        self._place = place

    def _compare(self, received: Received) -> None:
        epoch_log = self._inbox.epoch_log(received.place.epoch)
        if epoch_log is None or not 0 < received.place.sequence <= len(epoch_log.events):
            self.note(Wrong.INVENTED, f"{received.place}: {received.content}")
        elif epoch_log.events[received.place.sequence - 1] != received.content:
            committed = epoch_log.events[received.place.sequence - 1]
            self.note(Wrong.GARBLED, f"{received.place}: {received.content} instead of {committed}")

    def reset(self, reset: Reset) -> None:
        self.resets.add(reset.reason)
        epoch_log = self._inbox.epoch_log(reset.place.epoch)
        if epoch_log is None or reset.place.sequence > len(epoch_log.events):
            self.note(Wrong.INVENTED, f"a reset to {reset.place}")
        elif not self._is_justified(reset, epoch_log):
            detail = f"{reset.reason} at {self._place}, to {reset.place}"
            self.note(Wrong.RESET_UNEXPECTED, detail)
        self._place = reset.place

    def _is_justified(self, reset: Reset, epoch_log: EpochLog) -> bool:
        at = self._place
        if at is None:
            return False
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
        elif at.sequence < head.sequence:
            self.note(Wrong.LOST, f"everything after {at}, up to {head}")


def check_follower(follower: Follower, inbox: Inbox) -> list[Violation]:
    """Return what is wrong with the history of a client that holds positions."""
    reader = _Reader(follower, inbox)
    for item in follower.items:
        match item:
            case Listed():
                reader.listed(item)
            case Opened():
                reader.opened(item)
            case Received():
                reader.received(item)
            case Reset():
                reader.reset(item)
            case Closed():
                pass
    reader.end()
    return reader.found


# -- clients of the JSON API -----------------------------------------------------------------------------


def check_original(original: Original, inbox: Inbox) -> list[Violation]:
    """Return what is wrong with the history of a client of the JSON API.

    It holds no positions, but whatever it was delivered after a list must be one unbroken stretch of the log, and its
    list must then be what the log makes of it there.
    """
    found = [Violation(Wrong.DOUBLED, original.name, each) for each in original.mismatches]
    scripts = [_script(epoch_log) for epoch_log in inbox.epoch_logs]
    for segment in original.segments:
        if not any(
            _fits(segment, epoch_log, *script)
            for epoch_log, script in zip(inbox.epoch_logs, scripts, strict=True)
        ):
            found.append(Violation(Wrong.NOT_THE_LOG, original.name, _why(segment, inbox)))
    last = original.segments[-1].digest if original.segments else None
    if last != inbox.digest:
        detail = "its list is not complete" if last is None else "its list is not the inbox's"
        found.append(Violation(Wrong.LOST, original.name, f"{detail} at the end"))
    return found


def _why(segment: Segment, inbox: Inbox) -> str:
    """Describe what is wrong with a segment, with everything that is needed to find the cause."""
    received = f"at {segment.at:.2f}, {list(segment.messages)}"
    unlisted = replace(segment, digest=None)
    for epoch_log in inbox.epoch_logs:
        if _fits(unlisted, epoch_log, *_script(epoch_log)):
            return f"the list does not fit, {received} in epoch {epoch_log.epoch}"
    return received


_Script = tuple[list[Message], list[int], dict[Message, list[int]]]


def _script(epoch_log: EpochLog) -> _Script:
    """Return the messages to a client that is connected for a whole epoch, their sequences, and where each is."""
    messages: list[Message] = []
    sequences: list[int] = []
    places: dict[Message, list[int]] = {}
    for sequence, content in enumerate(epoch_log.events, 1):
        # A mark-all that left something unread has no message: the client gets a new list instead.
        if content.what != ALL_READ or content.unread == 0:
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
        start = last + 1 - len(received)
        if start < 0 or messages[start : last + 1] != received:
            continue
        if segment.digest is None or epoch_log.states[sequences[last]].digest == segment.digest:
            return True
    return False
