"""REDIS_URL as the hosts of a channel layer of channels-redis: one Redis, several of them, or Sentinels that know it.

`live_inbox.limits.storage` counts rates at the first host of the same layer, so that one setting is enough for both.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit, urlunsplit

from redis.connection import parse_url

from live_inbox.delivery.redis_password import PasswordFile

SENTINEL_PORT = 26379
_SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel")
_NEXT_ADDRESS = re.compile(rf",(?=(?:{'|'.join(map(re.escape, _SCHEMES))})://)")
_SENTINEL = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^\[\]:]+)(?::([0-9]{1,5}))?")
_FOR_SENTINELS = "sentinel_"
"""The options of an address that begin so are for the connections to Sentinels, without this beginning."""

_OF_THE_ADDRESS = ("host", "port", "connection_class")


def redis_hosts(text: str, password_file: Path | None = None) -> list[dict[str, Any]]:
    """Return the hosts that a REDIS_URL names. Raises ValueError, without the text in its message.

    With a file, its content is the password at every host, read at each connection; the addresses then have none.
    """
    return [_host(address, password_file) for address in _NEXT_ADDRESS.split(text)]


def _host(address: str, password_file: Path | None) -> dict[str, Any]:
    parts, options = _parsed(address)
    if password_file is not None and options.get("password"):
        raise ValueError("it is set, and REDIS_URL has a password: choose one of them")
    credentials = _credentials(options, password_file)
    if parts.scheme.endswith("+sentinel"):
        return _behind_sentinels(parts, options) | credentials
    if credentials:
        # redis-py takes the user either from the address or from these.
        parts = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    return {"address": urlunsplit(parts), **credentials}


def _parsed(address: str) -> tuple[SplitResult, dict[str, Any]]:
    """Return the parts of an address, and the options of redis-py in it. Raises ValueError."""
    if not address.startswith(tuple(f"{scheme}://" for scheme in _SCHEMES)):
        raise ValueError(f"it begins with {'://, '.join(_SCHEMES[:-1])}:// or {_SCHEMES[-1]}://")
    try:
        parts = urlsplit(address)
        options = _options(urlunsplit(_plain(parts)))
    except ValueError:
        raise ValueError(
            "it is no valid URL; in the user's name and password, each of the characters :/?#[]@%, is percent-encoded, "
            "and each of several Redis is a whole URL"
        ) from None
    return parts, options


def _plain(parts: SplitResult) -> SplitResult:
    """Return an address that redis-py can parse: without Sentinels, and what it does not know of them."""
    user, at, hosts = parts.netloc.rpartition("@")
    if not parts.scheme.endswith("+sentinel"):
        if "," in hosts:
            raise ValueError
        return parts
    return parts._replace(
        scheme=parts.scheme.removesuffix("+sentinel"), netloc=f"{user}{at}localhost", path=""
    )


def _credentials(options: dict[str, Any], password_file: Path | None) -> dict[str, Any]:
    if password_file is None:
        return {}
    return {"credential_provider": PasswordFile(password_file, options.pop("username", ""))}


def _behind_sentinels(parts: SplitResult, options: dict[str, Any]) -> dict[str, Any]:
    """Return a host whose address Sentinels know: `redis+sentinel://user:password@one:26379,two:26379/main?db=1`."""
    found = [_SENTINEL.fullmatch(each) for each in parts.netloc.rpartition("@")[2].split(",")]
    name = parts.path.strip("/")
    if None in found or not name or "/" in name:
        raise ValueError(
            "with Sentinels it is redis+sentinel://user:password@host:26379,host:26379/name-of-the-primary"
        )
    own = dict(options)
    for_sentinels = _options_for_sentinels(own)
    if parts.scheme.startswith("rediss"):
        tls = {"ssl": True, **{key: own[key] for key in own if key.startswith("ssl_")}}
        own, for_sentinels = own | tls, tls | for_sentinels
    return {
        "sentinels": [
            (each[1].strip("[]"), int(each[2] or SENTINEL_PORT)) for each in found if each
        ],
        "master_name": name,
        **own,
        **({"sentinel_kwargs": for_sentinels} if for_sentinels else {}),
    }


def _options_for_sentinels(options: dict[str, Any]) -> dict[str, Any]:
    """Take the options of the connections to Sentinels out of all, and return them. Raises ValueError."""
    given = {
        key.removeprefix(_FOR_SENTINELS): options.pop(key)
        for key in list(options)
        if key.startswith(_FOR_SENTINELS)
    }
    return _options(f"redis://localhost?{urlencode(given)}")


def _options(address: str) -> dict[str, Any]:
    """Return what redis-py finds in an address beside the host. Raises ValueError."""
    found: dict[str, Any] = dict(parse_url(address))  # type: ignore[no-untyped-call]
    return {name: value for name, value in found.items() if name not in _OF_THE_ADDRESS}
