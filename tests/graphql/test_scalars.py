"""DateTime and JSON."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from graphql import GraphQLError

from live_inbox_graphql.scalars import SCALARS

DATETIME = SCALARS[datetime]


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 1, 31, 12, 0, 0, 123456, UTC), "2026-01-31T12:00:00.123456Z"),
        (datetime(2026, 1, 31, 12, 0, 0, 0, UTC), "2026-01-31T12:00:00Z"),
        (
            datetime(2026, 1, 31, 12, 0, 0, 0, timezone(timedelta(hours=2))),
            "2026-01-31T10:00:00Z",
        ),
    ],
)
def test_times_are_formatted_in_utc(moment: datetime, text: str) -> None:
    assert DATETIME.serialize is not None
    assert DATETIME.serialize(moment) == text


def test_moments_are_read_with_any_offset() -> None:
    assert DATETIME.parse_value is not None
    expected = datetime(2026, 1, 31, 12, 0, 0, 0, UTC)
    assert DATETIME.parse_value("2026-01-31T12:00:00Z") == expected
    assert DATETIME.parse_value("2026-01-31T14:00:00+02:00") == expected


@pytest.mark.parametrize("value", ["", "yesterday", "2026-01-31T12:00:00", 5, None, ["x"]])
def test_anything_else_is_no_moment(value: object) -> None:
    assert DATETIME.parse_value is not None
    with pytest.raises(GraphQLError, match="ISO 8601"):
        DATETIME.parse_value(value)
