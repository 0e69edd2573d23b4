"""What both APIs list with a filter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from live_inbox import services
from tests.both_apis.devices import Device, Refused
from tests.changed_settings import changed_settings

Open = Callable[[str], Device]
"""Opens a device of the user with that name."""

pytestmark = pytest.mark.django_db(transaction=True)

TYPES = {"billing.invoice": {"category": "money"}, "comment": {"category": "social"}}


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({}, ["new", "Überfällig", "seen", "read"]),
        ({"types": ["comment"]}, ["new", "seen"]),
        ({"categories": ["money"]}, ["Überfällig", "read"]),
        ({"categories": ["money"], "read": False}, ["Überfällig"]),
        ({"priorities": ["urgent", "low"]}, ["Überfällig"]),
        ({"seen": False}, ["new", "Überfällig"]),
        ({"seen": True, "types": ["comment"]}, ["seen"]),
        ({"text": "überF"}, ["Überfällig"]),
        ({"text": "%"}, []),
    ],
)
def test_a_list_has_what_the_filter_says(
    open_first: Open, alice: int, filter: dict[str, Any], expected: list[str]
) -> None:
    with changed_settings(TYPES=TYPES):
        read = services.send(recipient_id=alice, title="read", type="billing.invoice").notification
        assert read is not None
        services.mark_read(user_id=alice, notification_id=read.pk)
        services.send(recipient_id=alice, title="seen", type="comment")
        services.mark_seen(user_id=alice)
        invoice: Any = {"type": "billing.invoice", "priority": "urgent"}
        services.send(recipient_id=alice, title="Überfällig", **invoice)
        services.send(recipient_id=alice, title="new", type="comment")
        listed = open_first("alice").list(**filter).notifications
        assert [each.title for each in listed] == expected


@pytest.mark.parametrize(
    "filter", [{"text": "x" * 101}, {"types": ["no slug"]}, {"categories": ["c"] * 21}]
)
def test_a_filter_that_nothing_can_fulfil_is_refused(
    open_first: Open, alice: int, filter: dict[str, Any]
) -> None:
    with pytest.raises(Refused, match="BAD_USER_INPUT"):
        open_first("alice").list(**filter)


def test_counts_of_types_and_categories(open_first: Open, alice: int) -> None:
    with changed_settings(TYPES=TYPES):
        device = open_first("alice")
        assert device.counts() == {"types": [], "categories": []}
        read = services.send(recipient_id=alice, title="read", type="billing.invoice").notification
        assert read is not None
        services.mark_read(user_id=alice, notification_id=read.pk)
        services.send(recipient_id=alice, title="seen", type="comment")
        services.mark_seen(user_id=alice)
        services.send(recipient_id=alice, title="new", type="comment")
        services.send(recipient_id=alice, title="new", type="unknown")
        assert device.counts() == {
            "types": [
                ("billing.invoice", 1, 0, 0, True),
                ("comment", 2, 2, 1, True),
                ("unknown", 1, 1, 1, True),
            ],
            "categories": [
                (None, 1, 1, 1, True),
                ("money", 1, 0, 0, True),
                ("social", 2, 2, 1, True),
            ],
        }
