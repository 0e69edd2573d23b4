from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live_inbox.delivery.redis_wire import Unreadable, pack, unpack

pytestmark = pytest.mark.stack("embedded")

RUNGS = st.dictionaries(st.text(max_size=5), st.lists(st.binary(max_size=20), max_size=4))


def message(who: str, inboxes: dict[str, list[bytes]]) -> dict[str, Any]:
    return {"type": "inbox.events", "from": who, "inboxes": inboxes}


def test_entries_travel_as_they_are_behind_a_line_with_their_lengths() -> None:
    packed = pack(message("a.1", {"7": [b'{"n":1}', b"\n\xff"], "8": []}))
    assert packed == b'["a.1",{"7":[7,2],"8":[]}]\n{"n":1}\n\xff'
    assert unpack(packed) == ("a.1", {"7": [b'{"n":1}', b"\n\xff"], "8": []})


@pytest.mark.parametrize("entry", [b'{"n":1}', b"\n\xff", b""])
def test_of_a_single_entry_the_line_tells_the_inbox_only(entry: bytes) -> None:
    packed = pack(message("a.1", {"7": [entry]}))
    assert packed == b'["a.1","7"]\n' + entry
    assert unpack(packed) == ("a.1", {"7": [entry]})


@given(st.text(), RUNGS)
def test_what_is_unpacked_is_what_was_packed(who: str, rung: dict[str, list[bytes]]) -> None:
    assert unpack(pack(message(who, rung))) == (who, rung)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\n",
        b"no json\n",
        b'["a",{}]',  # no line
        b'["a"]\n',
        b'["a",{},1]\n',
        b'["a",[]]\n',
        b'["a",null]\n',
        b'["a",7]\n',
        b'["a","7"]',  # no line
        b'[1,{"7":[1]}]\nx',
        b'["a",{"7":1}]\nx',
        b'["a",{"7":["1"]}]\nx',
        b'["a",{"7":[1.0]}]\nx',
        b'["a",{"7":[2]}]\nx',
        b'["a",{"7":[1]}]\nxx',
        b'["a",{"7":[-1,2]}]\nx',
        b'["a",{"7":[99999999999999999999]}]\nx',
        b"\x82\xa4type\xacinbox.events",
    ],
)
def test_anything_else_is_unreadable(payload: bytes) -> None:
    with pytest.raises(Unreadable):
        unpack(payload)


@given(st.binary(max_size=60), st.text(max_size=3), RUNGS, st.data())
def test_damage_is_unreadable_or_another_message(
    noise: bytes, who: str, rung: dict[str, list[bytes]], data: st.DataObject
) -> None:
    packed = pack(message(who, rung))
    start = data.draw(st.integers(0, len(packed)))
    for damaged in (noise, packed[:start], packed[:start] + noise + packed[start:]):
        try:
            other, inboxes = unpack(damaged)
        except Unreadable:
            continue
        assert pack(message(other, inboxes)).split(b"\n", 1)[1] == damaged.split(b"\n", 1)[1]
