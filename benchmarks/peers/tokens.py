"""The tokens of the peers' users: HS256, with the claims that djangorestframework-simplejwt reads."""

from __future__ import annotations

import time
import uuid

import jwt

SECRET = "only-for-benchmarks-and-long-enough-for-a-key"
TTL_SECONDS = 4 * 3600


def issue(user_id: int) -> str:
    """Return an access token."""
    now = int(time.time())
    claims = {
        "sub": str(user_id),
        "token_type": "access",
        "iat": now,
        "exp": now + TTL_SECONDS,
        "jti": uuid.uuid4().hex,
    }
    return jwt.encode(claims, SECRET, algorithm="HS256")


def user_id_of(authorization: str) -> int:
    """Return whose token a header has. Raise jwt.InvalidTokenError for one that is not valid."""
    token = authorization.removeprefix("Bearer ")
    return int(jwt.decode(token, SECRET, algorithms=["HS256"])["sub"])
