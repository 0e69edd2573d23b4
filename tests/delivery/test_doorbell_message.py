"""Messages of doorbells: read by the site that wrote them, whatever is done to them on the way."""

from __future__ import annotations

from hashlib import blake2b
from itertools import pairwise
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from live_inbox.delivery.doorbell_message import (
    DoorbellCodec,
    DoorbellMessage,
    Refusal,
    RefusedMessage,
    derive_keys,
)

pytestmark = pytest.mark.stack("embedded")

OLD, NEW = "the secret of last year", "the secret of this year"
EVENTS = st.dictionaries(st.text(max_size=5), st.lists(st.binary(max_size=20), max_size=3))


def codec(*site_secrets: str | bytes) -> DoorbellCodec:
    return DoorbellCodec(lambda: derive_keys(*site_secrets))


def a_message(**inboxes: list[bytes]) -> DoorbellMessage:
    return DoorbellMessage("d1", "sender", 1.0, b"12345678", inboxes)


def refusal_of(reader: DoorbellCodec, message: object, deployment: str | None = "d1") -> Refusal:
    with pytest.raises(RefusedMessage) as refused:
        reader.decode(message, deployment=deployment)
    return refused.value.refusal


@given(EVENTS)
def test_what_is_written_is_read(inboxes: dict[str, list[bytes]]) -> None:
    message = DoorbellMessage("d1", "sender", 1.5, b"12345678", inboxes)
    assert codec(OLD).decode(codec(OLD).encode(message), deployment="d1") == message
    assert message.has_account_changes is any(entries == [] for entries in inboxes.values())


def test_keys_can_be_rotated_without_losing_doorbells() -> None:
    """As servers are restarted one after the other, each time with the secrets of one column more."""
    steps = [codec(OLD), codec(OLD, NEW), codec(NEW, OLD), codec(NEW)]
    message = a_message(a=[b"1"])
    for before, after in pairwise(steps):
        assert after.decode(before.encode(message), deployment="d1") == message
        assert before.decode(after.encode(message), deployment="d1") == message
    assert refusal_of(steps[0], steps[3].encode(message)) is Refusal.FORGED


def test_a_secret_may_be_bytes() -> None:
    message = a_message(a=[b"1"])
    assert codec(OLD.encode()).decode(codec(OLD).encode(message), deployment="d1") == message


def test_keys_do_not_show_the_secret() -> None:
    (key,) = derive_keys(OLD)
    assert (len(key), OLD.encode() in key) == (32, False)
    assert derive_keys(OLD, NEW, OLD) == (key, *derive_keys(NEW), key)


@given(EVENTS, st.data())
def test_no_bit_can_be_changed(inboxes: dict[str, list[bytes]], data: st.DataObject) -> None:
    message: dict[str, Any] = codec(OLD).encode(
        DoorbellMessage("d1", "sender", 1.5, b"12345678", inboxes)
    )
    field = data.draw(st.sampled_from(["body", "mac"]))
    changed = bytearray(message[field])
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert refusal_of(codec(OLD), message | {field: bytes(changed)}) is Refusal.FORGED


@given(st.binary(max_size=200), st.binary(max_size=20))
def test_nobody_without_the_key_is_believed(body: bytes, mac: bytes) -> None:
    forged = {"type": "inbox.events", "version": 2, "from": "other", "body": body, "mac": mac}
    assert refusal_of(codec(OLD), forged) is Refusal.FORGED


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
anything = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10
)


@given(
    anything
    | st.fixed_dictionaries(
        {},
        optional={
            "type": st.just("inbox.events") | anything,
            "version": st.just(2) | anything,
            "body": anything,
            "mac": anything,
        },
    )
)
def test_anything_else_is_refused_and_nothing_raised(message: object) -> None:
    assert refusal_of(codec(OLD), message) in Refusal


@pytest.mark.parametrize("deployment", ["d2", "", None])
def test_another_deployment_with_the_same_secret_is_foreign(deployment: str | None) -> None:
    message = codec(OLD).encode(a_message(a=[b"1"]))
    assert refusal_of(codec(OLD), message, deployment) is Refusal.FOREIGN


def test_a_later_version_may_add_fields_at_the_end() -> None:
    class Later(DoorbellMessage, frozen=True, array_like=True):
        more: str = "more"

    message = codec(OLD).encode(Later("d1", "sender", 1.0, b"", {"a": [b"1"]}))
    assert codec(OLD).decode(message, deployment="d1").inboxes == {"a": [b"1"]}


def test_the_format_of_this_version() -> None:
    """Servers of two releases read each other's doorbells: a change of this needs a new version."""
    message = codec(OLD).encode(a_message(a=[b"1"], b=[]))
    body = msgpack.packb(["d1", "sender", 1.0, b"12345678", {"a": [b"1"], "b": []}])
    key = blake2b(OLD.encode(), digest_size=32, person=b"inbox.doorbell").digest()
    mac = blake2b(body, key=key, digest_size=16, person=b"inbox.doorbell.2").digest()
    versions = {"version": 2, "readable_since": 2}
    assert message == {
        "type": "inbox.events",
        **versions,
        "from": "sender",
        "body": body,
        "mac": mac,
    }


@pytest.mark.parametrize(
    ("versions", "is_read"),
    [
        ({"version": 3, "readable_since": 2, "more": "more"}, True),
        ({"version": 9, "readable_since": 1}, True),
        ({"version": 3, "readable_since": 3}, False),
        ({"version": 1, "readable_since": 1}, False),
        ({"version": "3", "readable_since": 2}, False),
        ({"version": 3, "readable_since": None}, False),
    ],
)
def test_a_later_version_says_who_can_read_it(versions: dict[str, Any], is_read: bool) -> None:
    message = codec(OLD).encode(a_message(a=[b"1"])) | versions
    if is_read:
        assert codec(OLD).decode(message, deployment="d1").inboxes == {"a": [b"1"]}
    else:
        assert refusal_of(codec(OLD), message) is Refusal.VERSION
