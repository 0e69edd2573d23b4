from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live_inbox.delivery.position import ORIGIN, InvalidPosition, Position

pytestmark = pytest.mark.stack("embedded")

EPOCHS = st.text("0123456789abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=32)
SEQUENCES = st.integers(0, 10**18 - 1)


@pytest.mark.parametrize(
    ("position", "text"),
    [
        (Position("", 0), "0"),
        (Position("3f9c01a2b7de", 7), "3f9c01a2b7de.7"),
        (Position("a", 0), "a.0"),
        (Position("0", 0), "0.0"),
        (Position("a", 7, 1), "a.7.1"),
        (Position("a", 7, 999_999_999), "a.7.999999999"),
        (Position("z" * 32, 999_999_999_999_999_999), "z" * 32 + ".999999999999999999"),
    ],
)
def test_a_position_is_printed_and_read_back(position: Position, text: str) -> None:
    assert str(position) == text
    assert Position.parse(text) == position


def test_the_origin_belongs_to_no_epoch() -> None:
    assert Position("", 0) == ORIGIN
    assert ORIGIN.is_origin
    assert not Position("a", 0).is_origin


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "1",
        "00",
        " 0",
        "0 ",
        "0\n",
        ".",
        "a",
        "a.",
        ".7",
        "a.-1",
        "a.+1",
        "a.1.",
        "a.1.2.3",
        "a.1.-2",
        "a.1.1234567890",
        "a.1e3",
        "a.1_0",
        "a. 1",
        "a.1\n",
        "A.1",
        "é.1",
        "a.１",
        "a.1" + "0" * 18,
        "b" * 33 + ".1",
        "a/b.1",
        "a.1\x00",
        "null",
        "\ud800.1",
    ],
)
def test_what_was_never_issued_is_refused(text: str) -> None:
    with pytest.raises(InvalidPosition, match=r"^not a position$"):
        Position.parse(text)


@given(EPOCHS, SEQUENCES, st.integers(0, 999_999_999))
def test_every_position_survives_being_printed(epoch: str, sequence: int, mark: int) -> None:
    position = Position(epoch, sequence, mark)
    assert Position.parse(str(position)) == position


@given(
    st.text(max_size=60)
    | st.from_regex(r"[0-9a-z]{0,33}\.?[0-9]{0,19}\.?[0-9]{0,10}", fullmatch=True)
)
def test_a_text_is_refused_or_is_a_position(text: str) -> None:
    try:
        position = Position.parse(text)
    except InvalidPosition:
        return
    # Leading zeros of the numbers are the one thing that is read but not printed.
    epoch, sequence, fingerprint = [*text.split("."), "0"][:3] if text != "0" else ("", "0", "0")
    assert position == Position(epoch, int(sequence), int(fingerprint))
    assert Position.parse(str(position)) == position
