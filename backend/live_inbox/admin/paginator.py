"""Pagination for lists that are too long to count."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.conf import settings

from live_inbox.admin.base import PaginatorBase


class AtLeast(int):
    """A count that was cut: pages show `10,000+`.

    With USE_THOUSAND_SEPARATOR, they show the number alone, for Django puts its separators into whatever the text is.
    `admin/live_inbox/pagination.html` says in words that there are more.
    """

    def __str__(self) -> str:
        return int.__repr__(self) if settings.USE_THOUSAND_SEPARATOR else f"{int(self):,}+"


class CappedPaginator(PaginatorBase):
    """Pages through the newest 10,000 rows only, so that it never counts the whole table.

    A count costs time in proportion to the rows. To find older rows, search or filter.
    """

    limit = 10_000

    @cached_property
    def count(self) -> int:
        """The number of rows; `limit`, as AtLeast, if there are more."""
        rows: Any = self.object_list
        counted = int(rows.order_by()[: self.limit + 1].count())
        return counted if counted <= self.limit else AtLeast(self.limit)

    @property
    def is_cut(self) -> bool:
        """Whether there are more rows than are counted and listed."""
        return isinstance(self.count, AtLeast)
