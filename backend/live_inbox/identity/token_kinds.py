"""Tells access tokens from the other tokens of their issuer: refresh tokens, ID tokens, links to reset a password.

An issuer may sign all of them with one key (RFC 8725, section 3.11). A token must not say that it is of another kind,
by the header `typ` or by a claim. With `must_say`, it must say that it is an access token.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from live_inbox.identity.errors import AuthenticationFailed, Reason

_KIND_CLAIMS = (
    "token_type",
    "token_use",
    "token_kind",
    "token_purpose",
    "tokenType",
    "tokenUse",
    "typ",
    "purpose",
)
"""Claims that only ever say what a token is for."""

_AMBIGUOUS_CLAIMS = ("type", "kind", "use", "usage", "action", "intent")
"""Claims that may say it, and may say something else, such as the type of the user."""

_ID_TOKEN_CLAIMS = ("nonce", "at_hash", "c_hash", "s_hash")
"""Claims that OpenID Connect defines for ID tokens. Some issuers put a nonce into access tokens, too."""

_OTHER_KINDS = frozenset(
    {"refresh", "offline", "logout", "otp", "magic"}
    | {"reset", "forgot", "recover", "recovery"}
    | {"verify", "verification", "confirm", "confirmation", "activate", "activation"}
    | {"invite", "invitation", "signup", "registration", "unsubscribe"}
)
"""Words for other kinds of tokens in an ambiguous claim."""

_ID_TOKEN_WORDS = ({"id"}, {"id", "token"})
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_LONGEST = 200
_PREFIX = "application/"
_SAYS_ACCESS = "at+jwt"  # RFC 9068
_ANY_JWT = "jwt"


@dataclass(frozen=True, slots=True)
class KindRules:
    """Which kinds of tokens are accepted. Names are compared without regard to case."""

    header_types: tuple[str, ...] = ("JWT", "at+jwt")
    """Accepted values of the header `typ`; a token without it is accepted as well."""
    access_types: tuple[str, ...] = ("access", "access_token", "bearer")
    """Accepted values of the claims that say what a token is for."""
    must_say: bool = False
    """Whether a token must have one of `access_types`, or the header `typ` `at+jwt`."""


def check_kind(header_type: object, claims: Mapping[str, Any], rules: KindRules) -> None:
    """Raise AuthenticationFailed (REFRESH, NOT_ACCESS) for a token that is none for access."""
    says_access = _check_header(header_type, rules)
    accepted = {name.casefold() for name in rules.access_types}
    for name in _KIND_CLAIMS:
        if name not in claims:
            continue
        value = claims[name]
        if name == "typ" and _is(value, _ANY_JWT):
            continue
        if not isinstance(value, str) or value.casefold() not in accepted:
            raise _refusal(value)
        says_access = True
    for value in _ambiguous(claims):
        if value.casefold() in accepted:
            says_access = True
        elif _is_other_kind(value):
            raise _refusal(value)
    is_id_token = not says_access and any(claims.get(name) for name in _ID_TOKEN_CLAIMS)
    # `events` has the content of logout tokens and of security events (RFC 8417).
    if (
        is_id_token
        or isinstance(claims.get("events"), dict)
        or (rules.must_say and not says_access)
    ):
        raise AuthenticationFailed(Reason.NOT_ACCESS)


def check_audience_kind(audience: object) -> None:
    """Raise AuthenticationFailed for an audience that names another kind of token: `accounts:reset`.

    For issuers whose audience is not checked otherwise.
    """
    for name in audience if isinstance(audience, list) else [audience]:
        if isinstance(name, str) and _is_other_kind(name):
            raise _refusal(name)


def _check_header(header_type: object, rules: KindRules) -> bool:
    """Return whether the header says that it is an access token."""
    if header_type is None:
        return False
    if not isinstance(header_type, str):
        raise AuthenticationFailed(Reason.NOT_ACCESS)
    name = header_type.casefold().removeprefix(_PREFIX)
    if name not in {each.casefold().removeprefix(_PREFIX) for each in rules.header_types}:
        raise _refusal(header_type)
    return name == _SAYS_ACCESS


def _ambiguous(claims: Mapping[str, Any]) -> Iterator[str]:
    for name in _AMBIGUOUS_CLAIMS:
        value = claims.get(name)
        if isinstance(value, str):
            yield value


def _is_other_kind(value: str) -> bool:
    words = _words(value)
    return bool(words & _OTHER_KINDS) or words in _ID_TOKEN_WORDS


def _words(value: str) -> set[str]:
    """Return the words of `password_reset`, `password-reset` and `passwordReset` in lower case."""
    return {word.lower() for word in _WORD.findall(value[:_LONGEST])}


def _refusal(value: object) -> AuthenticationFailed:
    is_refresh = isinstance(value, str) and bool({"refresh", "offline"} & _words(value))
    return AuthenticationFailed(Reason.REFRESH if is_refresh else Reason.NOT_ACCESS)


def _is(value: object, name: str) -> bool:
    return isinstance(value, str) and value.casefold() == name
