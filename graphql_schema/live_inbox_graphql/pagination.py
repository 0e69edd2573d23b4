"""Relay's pagination arguments, made into a window on the list of notifications, newest first."""

from __future__ import annotations

from dataclasses import dataclass

from live_inbox.conf import inbox_settings
from live_inbox.errors import InvalidInput
from live_inbox_graphql import cursors

DEFAULT_PAGE_SIZE = 20


@dataclass(frozen=True, slots=True)
class Window:
    """A page in the words of `selectors.page`: the ids that bound it are exclusive."""

    limit: int
    older_than: int | None
    newer_than: int | None
    from_oldest: bool


def window(*, first: int | None, after: str | None, last: int | None, before: str | None) -> Window:
    """Return the window that the arguments ask for; raise InvalidInput for those that make no sense.

    The list begins with the newest notification: `first` counts from there, `last` from the oldest; what
    comes `after` a cursor is older, what comes `before` it is newer.
    """
    if first is not None and last is not None:
        raise InvalidInput("Ask for `first` or for `last`, not for both.", field="last")
    longest = inbox_settings().max_page_size
    limit = first if last is None else last
    if limit is None:
        limit = min(DEFAULT_PAGE_SIZE, longest)
    if not 0 < limit <= longest:
        field = "first" if last is None else "last"
        raise InvalidInput(f"A page has 1 to {longest} notifications.", field=field)
    return Window(
        limit=limit,
        older_than=None if after is None else cursors.decode(after, field="after"),
        newer_than=None if before is None else cursors.decode(before, field="before"),
        from_oldest=last is not None,
    )
