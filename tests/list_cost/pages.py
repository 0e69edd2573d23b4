"""Pages of every combination of conditions, and the most that each may cost, whatever the size of its inbox."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, product
from typing import Any

from live_inbox import selectors
from live_inbox.listing.list_statements import EXAMINED
from tests.list_cost.inboxes import FOLDERS, PINNED, MeasuredInbox

LIMIT = 20

CONDITIONS: dict[str, Sequence[Any]] = {
    "types": (None, ["news"], ["general", "rare"], ["nothing"]),
    "priorities": (None, ["high"], ["low", "urgent"], ["high", "normal"]),
    "read": (None, False, True),
    "seen": (None, False, True),
    "text": (None, "title", "needle", "nothing at all"),
    "pinned": (False, True),
}
BOUNDS: Sequence[dict[str, Any]] = (
    {},
    {"older_than": 1},
    {"newer_than": 5, "from_oldest": True},
    {"from_oldest": True},
    {"newer_than": 2, "older_than": 8},
)
"""The first page, one far down, the one above a place in the middle, the last, and the newest between two places.

Places are tenths of the folder, the oldest first.
"""


@dataclass(frozen=True)
class ListPage:
    """A page of a list. `bounds` are places, as in BOUNDS."""

    filter: dict[str, Any]
    bounds: dict[str, Any]

    def read(self, inbox: MeasuredInbox) -> selectors.Page:
        """Read it."""
        tenths = inbox.tenths[self.filter["folder"]]
        bounds = {
            name: tenths[value] if name.endswith("_than") else value
            for name, value in self.bounds.items()
        }
        return selectors.page(user_id=inbox.user_id, limit=LIMIT, **bounds, **self.filter)

    @property
    def found_by(self) -> str:
        """What finds its rows: `index` has exactly those, `examined` looks at what an index has, `pinned` at those."""
        conditions = self.filter
        if conditions["pinned"]:
            return "pinned"
        priorities = conditions["priorities"]
        by_priority = priorities and "normal" not in priorities and conditions["types"] is None
        if conditions["text"] or (priorities and not by_priority):
            return "examined"
        return "index"

    @property
    def parts(self) -> int:
        """How many stretches of an index it is merged from, at most: those of read and of unread rows for each key."""
        keys = self.filter["types"] or self.filter["priorities"] or [None]
        return 2 * len(keys)

    @property
    def looks(self) -> int:
        """How often it looks for rows: for itself, and for what lies beyond each of its bounds."""
        return 1 + sum(name.endswith("_than") for name in self.bounds)

    @property
    def most_rows(self) -> int:
        """The most rows that may be read, of the notifications and of their indexes."""
        # Each row is found in an index, and read in the table when all parts are merged.
        merged = 2 * self.parts * (LIMIT + 1)
        match self.found_by:
            case "index":
                return merged + 2 * self.parts * (self.looks - 1)
            case "pinned":
                # Read ones and unread ones are two parts of the same index.
                return self.looks * 2 * (PINNED + LIMIT + 1)
            case _:
                # Once to find the last one that may be looked at, and once to look.
                return self.looks * (2 * EXAMINED + merged)


def every_page() -> Iterator[ListPage]:
    """Yield the pages of every combination, in every folder."""
    for filter, folder, bounds in product(_filters(), FOLDERS, BOUNDS):
        yield ListPage({**filter, "folder": folder}, bounds)


def a_page_of_each_filter() -> Iterator[ListPage]:
    """Yield one page of each combination of conditions, folders and bounds in turn."""
    # Three folders and five bounds: each meets each.
    for filter, folder, bounds in zip(_filters(), cycle(FOLDERS), cycle(BOUNDS), strict=False):
        yield ListPage({**filter, "folder": folder}, bounds)


def _filters() -> Iterator[dict[str, Any]]:
    for values in product(*CONDITIONS.values()):
        yield dict(zip(CONDITIONS, values, strict=True))
