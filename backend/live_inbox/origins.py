"""Origins of web pages (RFC 6454): the setting ALLOWED_ORIGINS, for sockets, forms and CORS alike.

| value | is |
|---|---|
| `https://app.example.com`, `http://app.example.com:8000` | a web site |
| `https://*.example.com` | the web sites of a domain and of all domains below it, as in Django's CSRF_TRUSTED_ORIGINS |
| `capacitor://localhost`, `tauri://localhost`, `chrome-extension://...` | the pages of an app |
| `null` | pages without an origin: of sandboxed frames, and of files in some apps |

Anybody can make a page of the last two kinds. So these have no right to the user's cookies, and need a token.

Pure functions of text, in time that is linear in its length.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

NULL = "null"
"""The Origin of a page that has none."""

DEFAULT_PORTS = {"http": 80, "https": 443}
"""The schemes of web sites, and the ports that origins leave away."""

_NOT_IN_HOSTS = frozenset("*/\\?#@, ")


class Origin(NamedTuple):
    """An origin, with its default port."""

    scheme: str
    host: str
    """In lower case, IPv6 without brackets."""
    port: int | None

    @property
    def is_web_site(self) -> bool:
        """Whether it belongs to the owner of a domain or of a machine, and not to an app."""
        return self.scheme in DEFAULT_PORTS

    def __str__(self) -> str:
        """Return it as browsers send it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        is_default = self.port in (None, DEFAULT_PORTS.get(self.scheme))
        return f"{self.scheme}://{host}" if is_default else f"{self.scheme}://{host}:{self.port}"


def parse_origin(text: str) -> Origin | None:
    """Return the origin of an Origin header; None for what is none, such as `null`."""
    try:
        parts = urlsplit(text.strip())
        scheme = parts.scheme.lower()
        port = _port(parts, scheme)
    except ValueError:
        return None
    if not scheme or not parts.hostname:
        return None
    return Origin(scheme, parts.hostname, port)


def own_origin(scheme: str, host: str) -> Origin | None:
    """Return the origin of a server's own pages, for the scheme and the Host header of a request; None if invalid."""
    return parse_origin(f"{scheme}://{host.strip()}")


@dataclass(frozen=True, slots=True)
class AllowedOrigins:
    """The setting ALLOWED_ORIGINS."""

    exact: frozenset[Origin] = frozenset()
    domains: frozenset[Origin] = frozenset()
    """The domains of wildcards."""
    has_null: bool = False

    @classmethod
    def parse(cls, values: Iterable[str]) -> AllowedOrigins:
        """Return what the setting says. Raises ValueError for a value that is no origin, or has a `*` elsewhere."""
        exact: set[Origin] = set()
        domains: set[Origin] = set()
        has_null = False
        for value in values:
            if value == NULL:
                has_null = True
                continue
            origin, is_wildcard = _required(value)
            (domains if is_wildcard else exact).add(origin)
        return cls(frozenset(exact), frozenset(domains), has_null)

    def __contains__(self, text: str) -> bool:
        """Return whether the Origin header of a page is allowed."""
        if text == NULL:
            return self.has_null
        origin = parse_origin(text)
        return origin is not None and (origin in self.exact or self._is_in_domain(origin))

    def _is_in_domain(self, origin: Origin) -> bool:
        return any(
            (origin.scheme, origin.port) == (domain.scheme, domain.port)
            and (origin.host == domain.host or origin.host.endswith(f".{domain.host}"))
            for domain in self.domains
        )

    def for_forms(self) -> list[str]:
        """Return the web sites among them, as Django's CSRF_TRUSTED_ORIGINS takes them and compares them."""
        wildcards = [str(each._replace(host=f"*.{each.host}")) for each in self.domains]
        return sorted([*(str(each) for each in self.exact if each.is_web_site), *wildcards])


def _required(value: str) -> tuple[Origin, bool]:
    """Return an origin, and whether it stands for its whole domain."""
    scheme, _, rest = value.partition("://")
    host = rest.removeprefix("*.")
    origin = None if _NOT_IN_HOSTS & set(host) else parse_origin(f"{scheme}://{host}")
    if origin is None and "*" in value:
        raise ValueError(f"{value!r}: a `*` stands for all below a domain: https://*.example.com")
    if origin is None:
        raise ValueError(f"{value!r} is not an origin, such as https://app.example.com")
    is_wildcard = host != rest
    if is_wildcard and not origin.is_web_site:
        raise ValueError(f"{value!r}: only origins of http and https can have a `*`")
    if not origin.host.isascii():
        # As browsers send it.
        origin = origin._replace(host=origin.host.encode("idna").decode())
    return origin, is_wildcard


def _port(parts: SplitResult, scheme: str) -> int | None:
    return parts.port or DEFAULT_PORTS.get(scheme)
