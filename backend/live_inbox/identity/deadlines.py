"""Deadlines of an authentication: a slow part fails by its own error, so that clients and logs get the true reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from django.db import OperationalError

from live_inbox.identity.errors import AuthenticationFailed, Reason


@asynccontextmanager
async def keys_within(seconds: float) -> AsyncIterator[None]:
    """Raise AuthenticationFailed (KEYS_UNAVAILABLE) if the keys of an issuer take longer."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise AuthenticationFailed(Reason.KEYS_UNAVAILABLE) from error


@asynccontextmanager
async def database_within(seconds: float) -> AsyncIterator[None]:
    """Raise OperationalError if the database takes longer to say who a caller is."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise OperationalError(f"No answer about a caller within {seconds:g} s.") from error
