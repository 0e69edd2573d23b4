"""Pagination for lists that are too long to count."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from live_inbox.admin.base import PaginatorBase


class CappedPaginator(PaginatorBase):
    """Pages through the newest 10,000 rows only, so that it never counts the whole table.

    A count costs time in proportion to the rows. To find older rows, search or filter.
    """

    limit = 10_000

    @cached_property
    def count(self) -> int:
        """The number of rows, at most `limit`."""
        rows: Any = self.object_list
        return int(rows.order_by()[: self.limit].count())
