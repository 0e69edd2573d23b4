"""Pages of lists that are too long to be counted."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from live_inbox.admin.pages import Rows


class NewestRows(Rows):
    """Pages through the newest rows of a list and no further, so that it never counts them all.

    Counting a table costs what is in it, and nobody leafs through a million rows: a search narrows the list.
    """

    limit = 10_000

    @cached_property
    def count(self) -> int:
        """The number of rows, if it is below the limit."""
        rows: Any = self.object_list
        return int(rows.order_by()[: self.limit].count())
