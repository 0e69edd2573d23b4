"""Every ending of a connection needs an explanation: the client's own doing, or a fault of that moment."""

from __future__ import annotations

import pytest

from tests.chaos.endings import BROKEN, UNAVAILABLE, Explanation, kind_of, unexplained
from tests.chaos.history import Closed

pytestmark = pytest.mark.stack("embedded")

KILLED = Explanation("server-kill", 10.0, 15.0, frozenset({BROKEN}))


@pytest.mark.parametrize(
    ("why", "kind"),
    [
        ("cut off", "cut off"),
        ("abandoned", "abandoned"),
        ("closed with 1006", BROKEN),
        ("closed with 1012", "1012"),
        ("ConnectionClosedError: received 1013 (try again later) keys_unavailable", "1013"),
        ("ConnectionClosedError: no close frame received or sent", BROKEN),
        ("ConnectionRefusedError: [Errno 111] Connection refused", BROKEN),
        ('ServerRefused: {"code": "SERVICE_UNAVAILABLE"}', UNAVAILABLE),
        ('ServerRefused: {"type": "error"}', 'ServerRefused: {"type": "error"}'),
    ],
)
def test_an_ending_is_of_a_kind(why: str, kind: str) -> None:
    assert kind_of(why) == kind


@pytest.mark.parametrize(
    ("at", "why", "is_explained"),
    [
        (12.0, "closed with 1006", True),
        (29.0, "closed with 1006", True),
        (12.0, "closed with 1011", False),
        (9.0, "closed with 1006", False),
        (31.0, "closed with 1006", False),
        (9.0, "cut off", True),
    ],
)
def test_a_fault_explains_its_own_endings_while_it_lasts(
    at: float, why: str, is_explained: bool
) -> None:
    found = unexplained([("client", [Closed(at, why)])], [KILLED])
    assert (found == []) is is_explained


def test_what_is_unexplained_is_said_with_what_was_going_on() -> None:
    endings = [("client", [Closed(12.0, "closed with 4403"), Closed(50.0, "closed with 1006")])]
    assert unexplained(endings, [KILLED]) == [
        "client: closed with 4403 (4403), during server-kill",
        "client: closed with 1006 (broken), during no fault",
    ]


def test_a_slow_machine_explains_what_ends_by_impatience_and_nothing_else() -> None:
    endings = [Closed(50.0, why) for why in ("closed with 1006", "closed with 1011", "cut off")]
    assert unexplained([("client", endings)], [], may_be_slow=True) == [
        "client: closed with 1011 (1011), during no fault"
    ]
