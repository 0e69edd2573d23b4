"""Authenticators as projects write them."""

from __future__ import annotations

import time

from django.contrib.auth.models import User
from django.http.cookie import parse_cookie

from live_inbox.authentication import AuthenticationFailed, Caller, Credentials, Reason


class NameIsToken:
    """Takes the username as token: of `Authorization`, `connection_init` or the JSON API's query."""

    async def authenticate(self, credentials: Credentials) -> Caller | None:
        """Return the user with that name, for ten minutes."""
        if credentials.token is None:
            return None
        user = await User.objects.filter(username=credentials.token).afirst()
        if user is None:
            raise AuthenticationFailed(Reason.UNKNOWN_USER)
        return Caller(user, expires_at=time.time() + 600)


class NameInHeader:
    """Takes the username from a header of its own, on requests and handshakes."""

    checks_csrf = False

    async def authenticate(self, credentials: Credentials) -> Caller | None:
        """Return the user with that name."""
        name = credentials.header("X-User")
        user = await User.objects.filter(username=name).afirst()
        return None if user is None else Caller(user, checks_csrf=self.checks_csrf)


class NameInCookie:
    """Takes the username from a cookie, which browsers add to what other sites request."""

    async def authenticate(self, credentials: Credentials) -> Caller | None:
        """Return the user with that name."""
        cookies = parse_cookie(credentials.header("cookie") or "")
        user = await User.objects.filter(username=cookies.get("user")).afirst()
        return None if user is None else Caller(user)


class NameInPayload:
    """Takes the username from the payload of `connection_init`."""

    async def authenticate(self, credentials: Credentials) -> Caller | None:
        """Return the user with that name."""
        user = await User.objects.filter(username=credentials.payload.get("user")).afirst()
        return None if user is None else Caller(user)


class HeaderBeforeToken:
    """Takes `<username>:<seconds>` from a header of its own, or else as token."""

    async def authenticate(self, credentials: Credentials) -> Caller | None:
        """Return the user with that name, for so long."""
        presented = credentials.header("X-Session-Token") or credentials.token
        if not presented:
            return None
        name, seconds = presented.split(":")
        user = await User.objects.filter(username=name).afirst()
        if user is None:
            raise AuthenticationFailed(Reason.UNKNOWN_USER)
        return Caller(user, expires_at=time.time() + float(seconds))


class Broken:
    """Has nothing that authenticates."""


class NameAndTimeIsToken:
    """Takes a username and the time of issue as token."""

    async def authenticate(self, credentials: Credentials) -> Caller | None:
        """Return the user with that name."""
        name, issued_at = (credentials.token or "").split()
        return Caller(await User.objects.aget(username=name), issued_at=float(issued_at))


class NameAndIdIsToken:
    """Takes a username and the id of a token as token."""

    async def authenticate(self, credentials: Credentials) -> Caller | None:
        """Return the user with that name."""
        name, token_id = (credentials.token or "").split()
        user = await User.objects.aget(username=name)
        return Caller(user, issued_at=time.time(), token_id=token_id)


class TakesNobody:
    """Finds no caller for anything."""

    async def authenticate(self, credentials: Credentials) -> Caller | None:
        """Return None."""
        return None


class Careless:
    """Fails, with all that a client has sent in the message of its exception."""

    async def authenticate(self, credentials: Credentials) -> Caller | None:
        """Raise an exception that nobody expects."""
        shown = (credentials.token, credentials.headers, credentials.payload)
        raise RuntimeError(f"cannot read token {credentials.token} of {shown!r}")
