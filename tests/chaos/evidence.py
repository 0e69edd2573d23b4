"""What a run must have done to prove anything: a writer, a client, a fault or a check that did nothing fails it.

Everything is counted under a name of its own: `commit http mark_read`, `compared transport event.message`, `effect
redis-cut: connections cut`. A name that is required and was not counted is a failure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from tests.chaos.checker import JSON_CONTENT, JSON_FOLLOWED
from tests.chaos.history import (
    ADVANCE,
    COMMITTED,
    CONTENT,
    EVENT,
    REFUSED,
    ROLLED_BACK,
    SUPPRESSED,
    UNKNOWN,
    Claim,
)

Counts = Counter[str]

OPERATIONS = (
    "keyed send",
    "replayed send",
    "expiring send",
    "send_many",
    "mark_read",
    "mark_unread",
    "mark_all_read",
    "delete",
    "set_preference",
    "archive",
    "unarchive",
    "snooze",
    "unsnooze",
    "pin",
    "unpin",
    "perform_action",
    "mark_seen",
    "mark_all_read of a filter",
    "archive_all of a filter",
    "delete_all of a filter",
    "undoable delete",
    "undo",
    "edit",
    "recall",
)
"""What every path has to have done."""
SERVICE_OPERATIONS = (*OPERATIONS, "send", "keyed send_many", "campaign")
SENT = ("type", "message", "link", "data", "expires_at", "sender", "group_key")
EXPECTED_REFUSALS = (
    "NOT_FOUND",
    "BAD_USER_INPUT input.expiresAt",
    "BAD_USER_INPUT expires_at",
    "BAD_USER_INPUT until",
    "BAD_USER_INPUT action",
    "CONFLICT : This notification is folded",
)
"""Another writer has deleted it, or sent one of its group; a clock that is an hour ahead takes a moment for past."""
POSITION_REFUSALS = ("BAD_USER_INPUT upTo", "BAD_USER_INPUT up_to")
"""The epoch has ended since the list was read."""


def of_claims(claims: Iterable[Claim]) -> Counts:
    """Count what writers tried, and what came of it, by path and operation."""
    words = {
        UNKNOWN: "attempt",
        COMMITTED: "commit",
        ROLLED_BACK: "rolled back",
        SUPPRESSED: "suppressed",
        REFUSED: "refused",
    }
    counts = Counts()
    for claim in claims:
        if claim.path:
            word = words.get(claim.outcome, claim.outcome)
            counts[f"{word} {claim.path}"] += 1
            counts[f"{word} {claim.path} {claim.operation}"] += 1
    return counts


def unexpected_refusals(claims: Iterable[Claim], *, positions_end: bool) -> list[str]:
    """Return a line for each kind of refusal that nothing explains. `positions_end`: epochs have ended in this run."""
    expected = EXPECTED_REFUSALS + (POSITION_REFUSALS if positions_end else ())
    found = Counts()
    for claim in claims:
        if claim.outcome == REFUSED and not claim.reason.startswith(expected):
            found[f"{claim.path} {claim.operation}: {claim.reason}"] += 1
    return [f"refused {count} times: {reason}" for reason, count in found.items()]


PATHS = ("service", "http", "socket", "json")


def required_of_short_run() -> Iterator[str]:
    """Yield what writers must have done where chance decides which of their operations a run of seconds has."""
    yield from (f"commit {path}" for path in PATHS)


def required_of_writers() -> Iterator[str]:
    """Yield what the writers that run all the time must have done."""
    for path in PATHS:
        for operation in SERVICE_OPERATIONS if path == "service" else OPERATIONS:
            yield f"commit {path} {operation}"
        yield f"suppressed {path} unwanted send"
        yield f"scheduled {path} later send"
    for path in PATHS:
        yield from (f"compared writer {path}.{name}" for name in ("commit", *SENT))
    yield "compared undo.notifications"
    yield "compared log returns.in time"
    yield from (f"compared group.{name}" for name in ("count", "actors", "members"))
    yield "rolled back service rolled back send"
    yield "events expired"


def required_of_checker(kinds: Iterable[str]) -> Iterator[str]:
    """Yield what must have been compared, for kinds of clients."""
    yield from ("compared log event.unread", "compared log event.total")
    for kind in sorted(set(kinds)):
        names: Sequence[str] = CONTENT
        if kind == "original":
            names = JSON_CONTENT
            yield "compared original segment.order"
        else:
            yield from (f"compared {kind} event.{name}" for name in EVENT)
            if kind == "limited":
                yield from (f"compared {kind} advance.{name}" for name in ADVANCE)
            yield from (f"compared {kind} list.{name}" for name in ("unread", "total", "order"))
            yield from (f"compared {kind} list.{name}" for name in names)
        yield from (f"compared {kind} event.{name}" for name in names)
        followed = JSON_FOLLOWED if kind == "original" else names
        yield from (f"compared {kind} final list.{name}" for name in ("order", *followed))
    yield from (f"compared database list.{name}" for name in ("order", *CONTENT))


def idle(counts: Counts, required: Iterable[str]) -> list[str]:
    """Return a failure for each name that is required and was not counted."""
    return [f"did nothing: {name}" for name in required if not counts[name]]
