"""Who sends a request: the token is verified and the account read, each time."""

from __future__ import annotations

import jwt
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from benchmarks.peers.tokens import user_id_of


def caller(request: HttpRequest) -> User:
    """Return the user. Raise PermissionDenied if the token is not valid or the account is not active."""
    try:
        return User.objects.get(pk=_user_id(_authorization(request)), is_active=True)
    except User.DoesNotExist:
        raise PermissionDenied from None


async def async_caller(request: HttpRequest) -> User:
    """Do the same in an async view."""
    return await bearer(_authorization(request))


async def bearer(authorization: str) -> User:
    """Do the same with what a header, or the first message of a socket, contains."""
    try:
        return await User.objects.aget(pk=_user_id(authorization), is_active=True)
    except User.DoesNotExist:
        raise PermissionDenied from None


def _authorization(request: HttpRequest) -> str:
    return request.headers.get("Authorization", "")


def _user_id(authorization: str) -> int:
    try:
        return user_id_of(authorization)
    except jwt.InvalidTokenError:
        raise PermissionDenied from None
