"""DATABASE_URL as an entry of Django's DATABASES, with the several hosts that a URL of libpq may have."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import dj_database_url

_HOST = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^\[\]:]*)(?::([0-9]{0,5}))?")
"""A host of a URL with its port: a name, an address, or the percent-encoded directory of a Unix socket."""


def parse_database_url(url: str) -> dict[str, Any]:
    """Return the settings of the database. Raises ValueError, without the URL in its message.

    `postgres://first:5432,second:5433/name` has two hosts, which are tried in turn. `dj_database_url` reads such hosts
    only if none of them has a port.
    """
    try:
        parts = urlsplit(url)
        user, at, hosts = parts.netloc.rpartition("@")
        if "," not in hosts:
            return dict(dj_database_url.parse(url))
        # Python, too, would look for one port behind all hosts.
        alone = urlunsplit(parts._replace(netloc=f"{user}{at}"))
        return {**dj_database_url.parse(alone), **_hosts(hosts.split(","))}
    except (ValueError, dj_database_url.ParseError):
        raise ValueError(
            "it is no valid URL; in the user's name and password, each of the characters :/?#[]@% is percent-encoded"
        ) from None


def _hosts(hosts: list[str]) -> dict[str, str]:
    """Return HOST and PORT, each a list as libpq takes it. Raises ValueError."""
    found = [_HOST.fullmatch(host) for host in hosts]
    names = [unquote(each[1].strip("[]")) for each in found if each is not None]
    if not all(names) or None in found:
        raise ValueError
    ports = [each[2] or "" for each in found if each is not None]
    return {"HOST": ",".join(names), "PORT": ",".join(ports) if any(ports) else ""}
