"""Who a connection comes from: only what trusted proxies have appended is believed."""

from __future__ import annotations

import pytest

from live_inbox.client_addresses import TrustedProxies, client_key, parse_address, parse_networks
from live_inbox.sockets.forwarding import apply_forwarded

pytestmark = pytest.mark.stack("embedded")

CASES = [
    # settings, behind a proxy, peer, X-Forwarded-For, client
    ([], False, "127.0.0.1", ["192.0.2.1"], "127.0.0.1"),
    ([], False, "203.0.113.5", ["192.0.2.1"], "203.0.113.5"),
    ([], True, "127.0.0.1", ["192.0.2.1"], "192.0.2.1"),
    ([], True, "10.1.2.3", ["1.1.1.1, 192.0.2.1"], "192.0.2.1"),
    ([], True, "10.1.2.3", ["192.0.2.1, 10.0.0.9"], "10.0.0.9"),
    ([], True, "203.0.113.5", ["192.0.2.1"], "203.0.113.5"),
    ([], True, None, ["192.0.2.1"], "192.0.2.1"),
    (["1"], False, "203.0.113.5", ["1.1.1.1, 192.0.2.1"], "192.0.2.1"),
    (["2"], False, "203.0.113.5", ["1.1.1.1, 192.0.2.1, 203.0.113.9"], "192.0.2.1"),
    (["2"], False, "203.0.113.5", ["1.1.1.1", "192.0.2.1", "203.0.113.9"], "192.0.2.1"),
    (["2"], False, "203.0.113.5", ["192.0.2.1"], "192.0.2.1"),
    (["1"], False, "203.0.113.5", [], "203.0.113.5"),
    (["203.0.113.0/24"], False, "203.0.113.5", ["1.1.1.1, 192.0.2.1, 203.0.113.9"], "192.0.2.1"),
    (["203.0.113.0/24"], False, "198.51.100.1", ["192.0.2.1"], "198.51.100.1"),
    (["203.0.113.0/24"], False, "203.0.113.5", ["203.0.113.7"], "203.0.113.7"),
    (["203.0.113.5"], False, "203.0.113.5", ["unknown, 192.0.2.1:4711"], "192.0.2.1"),
    (["203.0.113.5"], False, "203.0.113.5", ["unknown"], "203.0.113.5"),
    (["203.0.113.5"], False, "203.0.113.5", [""], "203.0.113.5"),
    (["203.0.113.5"], False, "203.0.113.5", ["[2001:db8::1]:4711"], "2001:db8::1"),
    (["203.0.113.5"], False, "203.0.113.5", ["2001:db8::1"], "2001:db8::1"),
    (["203.0.113.5"], False, "::ffff:203.0.113.5", ["192.0.2.1"], "192.0.2.1"),
    (["203.0.113.5"], False, "203.0.113.5", ["1" * 100_000], "203.0.113.5"),
]


@pytest.mark.parametrize(("settings", "behind_proxy", "peer", "forwarded", "client"), CASES)
def test_the_client(
    settings: list[str],
    behind_proxy: bool,
    peer: str | None,
    forwarded: list[str],
    client: str | None,
) -> None:
    proxies = TrustedProxies.parse(settings, behind_proxy=behind_proxy)
    assert proxies.client(peer, forwarded) == client
    # A server in front, such as uvicorn with --proxy-headers, may have done it before.
    assert proxies.client(client, forwarded) == client


def test_the_scope_has_the_client_and_the_scheme() -> None:
    headers = [(b"x-forwarded-for", b"1.1.1.1"), (b"x-forwarded-proto", b"https")]
    headers.append((b"x-forwarded-for", b"192.0.2.1"))
    scope = {
        "type": "websocket",
        "scheme": "ws",
        "client": ("127.0.0.1", 9),
        "headers": headers,
    }
    untouched = dict(scope)
    apply_forwarded(scope, TrustedProxies())
    assert scope == untouched
    for _ in range(2):
        apply_forwarded(scope, TrustedProxies.parse([], behind_proxy=True))
        assert (scope["client"], scope["scheme"]) == (("192.0.2.1", 0), "wss")
        # A public address is no proxy of ours: nothing is done a second time.
    scope = {"type": "http", "scheme": "http", "client": ("192.0.2.7", 9), "headers": headers}
    apply_forwarded(scope, TrustedProxies.parse([], behind_proxy=True))
    assert (scope["client"], scope["scheme"]) == (("192.0.2.7", 9), "http")


@pytest.mark.parametrize("wrong", [["0"], ["33"], ["example.com"], ["10.0.0.0/8", "2"]])
def test_wrong_settings(wrong: list[str]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        TrustedProxies.parse(wrong)


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_what_a_client_is_counted_by(address: str, key: str) -> None:
    parsed = parse_address(address)
    assert parsed is not None
    assert client_key(parsed) == key


@pytest.mark.parametrize("text", [None, "", "example.com", "1.2.3", "/run/socket", "1" * 99])
def test_what_is_no_address(text: str | None) -> None:
    assert parse_address(text) is None
    assert parse_networks([]) == ()
