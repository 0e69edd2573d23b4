"""The message of a doorbell on the channel layer: its version, its content, and the MAC that authenticates it."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import lru_cache
from hmac import compare_digest
from typing import Any

import msgspec
from msgspec import Struct

MESSAGE_TYPE = "inbox.events"
VERSION = 2
"""Of the message's format. Version 1 had no number and no MAC. A new field takes a higher one."""
READABLE_SINCE = 2
"""The lowest version whose readers can read what this one writes: `readable_since` of the message.

A reader ignores fields that it does not know, and a field at the end of the body has a default. So this stays as it is
until a reader without the new field would be wrong; then servers of the two releases wait for each other's events until
the next reconciliation.
"""
MAX_BODY_BYTES = 16 * 1024 * 1024
"""Longer bodies are refused unread. Doorbells publish one megabyte and an event at most."""

_MAC_BYTES = 16
_PERSON = b"inbox.doorbell"
"""Separates keys and MACs of doorbells from everything else that is made of the same secret."""

Keys = Callable[[], Sequence[bytes]]
"""Returns the keys of a site, at least one: the first authenticates what is sent, all what is received."""


class Refusal(StrEnum):
    """Why a message of the channel layer is ignored."""

    MALFORMED = "malformed"
    """It is no doorbell, or too long."""
    VERSION = "version"
    """It is of a version that this one cannot read, as while servers are upgraded one after the other."""
    FOREIGN = "foreign"
    """Another deployment has sent it."""
    FORGED = "forged"
    """Its MAC is that of no key of this site."""
    REPLAYED = "replayed"
    """It announces changes of accounts, and was received before."""
    STALE = "stale"
    """It announces changes of accounts, at a time that is too far from this server's."""


class RefusedMessage(ValueError):
    """Raised for a message that is not a doorbell of this deployment."""

    def __init__(self, refusal: Refusal, detail: str) -> None:
        super().__init__(detail)
        self.refusal = refusal


class DoorbellMessage(Struct, frozen=True, array_like=True, gc=False):
    """What the MAC of a message authenticates."""

    deployment: str
    sender: str
    sent_at: float
    """Unix seconds, by the clock of the sender."""
    nonce: bytes
    """Random: no two messages have the same MAC."""
    inboxes: dict[str, list[bytes]]
    """Encoded events by inbox. None at all: the account of the inbox's user has changed."""

    @property
    def has_account_changes(self) -> bool:
        """Whether an inbox has no events."""
        return not all(self.inboxes.values())


def derive_keys(*site_secrets: str | bytes) -> tuple[bytes, ...]:
    """Return one key for each secret, in the same order. Nobody can compute the secret from its key."""
    return tuple(map(_derived, site_secrets))


@lru_cache(maxsize=32)
def _derived(secret: str | bytes) -> bytes:
    data = secret.encode() if isinstance(secret, str) else secret
    return hashlib.blake2b(data, digest_size=32, person=_PERSON).digest()


_PROCESS_KEYS = (secrets.token_bytes(32),)


def _process_keys() -> Sequence[bytes]:
    return _PROCESS_KEYS


class DoorbellCodec:
    """Writes doorbells as messages of the channel layer, and reads those of the same site.

    Without `keys`, doorbells are exchanged within one process and those that are forked from it.
    """

    def __init__(self, keys: Keys = _process_keys) -> None:
        self._keys = keys
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(DoorbellMessage)

    def encode(self, message: DoorbellMessage) -> dict[str, Any]:
        """Return the message for the channel layer."""
        body = self._encoder.encode(message)
        return {
            "type": MESSAGE_TYPE,
            "version": VERSION,
            "readable_since": READABLE_SINCE,
            "from": message.sender,
            "body": body,
            "mac": _mac(self._keys()[0], body),
        }

    def decode(self, message: Any, *, deployment: str | None) -> DoorbellMessage:
        """Return what `encode` was given. Raises RefusedMessage for anything else, and for other deployments.

        The body is not parsed before its MAC has been checked.
        """
        body, mac = _body_and_mac(message)
        for key in self._keys():
            if compare_digest(_mac(key, body), mac):
                break
        else:
            raise RefusedMessage(Refusal.FORGED, "its MAC is that of no key of this site")
        try:
            opened = self._decoder.decode(body)
        except msgspec.MsgspecError as error:
            raise RefusedMessage(Refusal.MALFORMED, str(error)) from None
        if opened.sender != message.get("from"):
            raise RefusedMessage(Refusal.FORGED, "its sender is another one")
        if opened.deployment != deployment:
            raise RefusedMessage(
                Refusal.FOREIGN, f"deployment {opened.deployment[:32]} has sent it"
            )
        return opened


def _body_and_mac(message: Any) -> tuple[bytes, bytes]:
    if not isinstance(message, dict) or message.get("type") != MESSAGE_TYPE:
        raise RefusedMessage(Refusal.MALFORMED, "it is no doorbell")
    if not _is_readable(message):
        raise RefusedMessage(Refusal.VERSION, f"version {VERSION} cannot read it")
    body, mac = message.get("body"), message.get("mac")
    if not isinstance(body, bytes) or not isinstance(mac, bytes):
        raise RefusedMessage(Refusal.MALFORMED, "it has no body and no MAC")
    if len(body) > MAX_BODY_BYTES:
        raise RefusedMessage(Refusal.MALFORMED, f"its body has {len(body)} bytes")
    return body, mac


def _is_readable(message: dict[Any, Any]) -> bool:
    version = message.get("version")
    # Without it, only by its own version.
    since = message.get("readable_since", version)
    if type(version) is not int or type(since) is not int:
        return False
    return version >= READABLE_SINCE and since <= VERSION


def _mac(key: bytes, body: bytes) -> bytes:
    mac = _keyed(key).copy()
    mac.update(body)
    digest: bytes = mac.digest()
    return digest


@lru_cache(maxsize=32)
def _keyed(key: bytes) -> Any:
    """Return the hash with the key and the format in it: a copy of it takes less time than another one."""
    person = _PERSON + b".%d" % READABLE_SINCE
    return hashlib.blake2b(key=key, digest_size=_MAC_BYTES, person=person)
