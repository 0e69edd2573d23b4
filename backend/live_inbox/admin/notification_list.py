"""The list of notifications: neither it nor its filters alone ever read the whole table.

There is no date hierarchy, which would look for the oldest and the newest date in the table each time.
"""

from __future__ import annotations

from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.db.models import Max, QuerySet
from django.http import HttpRequest

from live_inbox import database
from live_inbox.models import Notification

FILTERED_ROWS = 100_000
"""The newest notifications, of which the filters alone choose.

No index serves them: each would cost every send. What few rows match would be looked for in the whole table.
"""


class NotificationList(ChangeList):
    """Filters the newest FILTERED_ROWS; where a search or a lookup of Django's chooses as well, all of them."""

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: Any = None
    ) -> QuerySet[Notification]:
        """Return the rows of the list."""
        rows: QuerySet[Any] = super().get_queryset(request, exclude_parameters)
        if self.query or not self._only_filters():
            return rows
        newest = database.queryset(Notification).aggregate(newest=Max("pk"))["newest"] or 0
        return rows.filter(pk__gt=newest - FILTERED_ROWS)

    def _only_filters(self) -> bool:
        """Whether a filter is in use, and nothing else chooses rows."""
        names = {name for spec in self.filter_specs for name in spec.expected_parameters()}
        chosen = set(self.get_filters_params())
        return bool(chosen) and chosen <= names
