"""Who a connection comes from: the client's address behind trusted proxies, and the key by which limits count it.

Pure functions of addresses and headers as text. Invalid ones are never an error: a client may have written them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

CLIENT_PREFIX = 64
"""The bits of an IPv6 address that tell one client from another: a provider gives each of them such a network."""

MOST_HOPS = 32
"""Entries of X-Forwarded-For that are read, from its end."""

PRIVATE = tuple(
    ip_network(text)
    for text in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
)
"""Loopback, private and link-local networks, where a reverse proxy usually is."""


def parse_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Return networks, or single addresses as networks of one. Raises ValueError."""
    return tuple(ip_network(text) for text in texts)


def parse_address(text: str | None) -> Address | None:
    """Return an address, that of an IPv4 client of an IPv6 socket as IPv4; None for what is none."""
    if text is None or len(text) > 64:
        return None
    return _parsed(text)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_within(address: Address, networks: Sequence[Network]) -> bool:
    """Return whether an address is in one of the networks."""
    return any(address in network for network in networks)


def client_key(address: Address) -> str:
    """Return what limits count a client by: an IPv4 address, or the /64 network of an IPv6 address."""
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((address, CLIENT_PREFIX), strict=False))


def limit_key(address: str | None, unlimited: Sequence[Network]) -> str | None:
    """Return what the limits of one address count a client by; None for one that they do not apply to.

    They do not apply to the addresses of UNLIMITED_ADDRESSES, and to what is no address, as for a Unix socket.
    """
    parsed = parse_address(address)
    if parsed is None or is_within(parsed, unlimited):
        return None
    return client_key(parsed)


LimitKey = Callable[[str | None], str | None]


def limit_keys(unlimited: Sequence[Network]) -> LimitKey:
    """Return `limit_key` for these networks, which remembers the keys of the addresses that it was asked for last."""
    return lru_cache(maxsize=4096)(partial(limit_key, unlimited=unlimited))


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """The reverse proxies whose X-Forwarded-For is believed.

    `networks`: where they are; None for anywhere. `hops`: how many there are one behind the other; None: as many as
    are in the networks.
    """

    networks: tuple[Network, ...] | None = ()
    hops: int | None = None

    @classmethod
    def parse(cls, values: Sequence[str], *, behind_proxy: bool = False) -> TrustedProxies:
        """Return what the settings TRUSTED_PROXIES and BEHIND_PROXY say. Raises ValueError.

        One number is a count of proxies. Without a value and behind a proxy, it is one on a private network.
        """
        if len(values) == 1 and values[0].isdecimal():
            hops = int(values[0])
            if not 1 <= hops <= MOST_HOPS:
                raise ValueError(f"the number of proxies is 1 to {MOST_HOPS}")
            return cls(None, hops)
        if values:
            return cls(parse_networks(values))
        return cls(PRIVATE, 1) if behind_proxy else cls()

    @property
    def are_there(self) -> bool:
        """Whether any proxy is trusted."""
        return self.networks != ()

    def trusts(self, peer: str | None) -> bool:
        """Return whether the other end of a connection is a trusted proxy. `peer` is None for a Unix socket."""
        if self.networks is None or not self.are_there:
            return self.are_there
        address = parse_address(peer)
        return peer is None or (address is not None and is_within(address, self.networks))

    def client(self, peer: str | None, forwarded_for: Sequence[str]) -> str | None:
        """Return the address of the client: the peer's, or the one that the trusted proxies name.

        `forwarded_for` are the values of the X-Forwarded-For headers. Each proxy has appended the address that it
        was called from, so only the end of the list can be believed.
        """
        if not self.trusts(peer):
            return peer
        client = peer
        for number, entry in enumerate(_from_the_end(forwarded_for), 1):
            address = parse_address(_without_port(entry))
            if address is None:
                return client
            client = str(address)
            if self.hops is not None:
                if number == self.hops:
                    return client
            elif not self.trusts(client):
                return client
        return client


def _from_the_end(values: Sequence[str]) -> list[str]:
    return ",".join(values).rsplit(",", MOST_HOPS)[-MOST_HOPS:][::-1]


def _without_port(entry: str) -> str:
    """Return an entry without its port: `192.0.2.1:4711`, `[2001:db8::1]:4711`."""
    text = entry.strip()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
