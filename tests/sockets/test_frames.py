"""Headers of text messages, against the bytes that RFC 6455 prescribes and against another implementation's parser."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, Protocol, Side

from live_inbox.sockets.frames import text_header

pytestmark = pytest.mark.stack("embedded")


@pytest.mark.parametrize(
    ("length", "header"),
    [
        (0, "81 00"),
        (1, "81 01"),
        (125, "81 7d"),
        (126, "81 7e 00 7e"),
        (127, "81 7e 00 7f"),
        (255, "81 7e 00 ff"),
        (256, "81 7e 01 00"),
        (65_535, "81 7e ff ff"),
        (65_536, "81 7f 00 00 00 00 00 01 00 00"),
        (2**32, "81 7f 00 00 00 01 00 00 00 00"),
        (2**63 - 1, "81 7f 7f ff ff ff ff ff ff ff"),
    ],
)
def test_the_header_is_the_shortest_that_the_standard_allows(length: int, header: str) -> None:
    assert text_header(length) == bytes.fromhex(header)


def test_the_example_of_the_standard() -> None:
    """RFC 6455, section 5.7: a single-frame unmasked text message."""
    assert text_header(5) + b"Hello" == bytes.fromhex("81 05 48 65 6c 6c 6f")


@given(
    st.lists(
        st.sampled_from([0, 1, 124, 125, 126, 127, 128, 65_534, 65_535, 65_536, 65_537]),
        max_size=6,
    ),
    st.integers(1, 70_000),
)
def test_a_client_reads_what_was_written_however_it_is_cut(lengths: list[int], piece: int) -> None:
    messages = [bytes([97 + number]) * length for number, length in enumerate(lengths)]
    stream = b"".join(text_header(len(message)) + message for message in messages)
    client = Protocol(Side.CLIENT, state=OPEN, max_size=None)
    for start in range(0, len(stream), piece):
        client.receive_data(stream[start : start + piece])
    frames = [event for event in client.events_received() if isinstance(event, Frame)]
    assert [(frame.opcode, frame.fin, bytes(frame.data)) for frame in frames] == [
        (Opcode.TEXT, True, message) for message in messages
    ]
    assert client.parser_exc is None
