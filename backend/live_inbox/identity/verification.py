"""Tells whoever passes a request on that its token is verified, while its account is still to be read."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

on_verified: ContextVar[Callable[[], None] | None] = ContextVar("on_verified", default=None)
"""Is called when the signature of the present request's token is right. It must not raise."""


def announce_verified() -> None:
    """Say that the token of the present request is verified."""
    call = on_verified.get()
    if call is not None:
        call()
