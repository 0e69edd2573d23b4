"""Forms and sockets of the site behind a proxy, with the headers that proxies send."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx

from tests.stacks.uvicorn_server import ServerProcess

PORT = {"X-Forwarded-Port": "8443"}
HOST = {"X-Forwarded-Host": "localhost:8443"}

CASES = [
    # headers of the proxy, Host, Origin, whether the page is ours
    ({}, "localhost:8443", "https://localhost:8443", True),
    ({}, "localhost", "https://localhost:8443", False),
    (PORT, "localhost", "https://localhost:8443", True),
    (PORT, "localhost", "http://localhost:8443", False),
    (PORT, "localhost", "https://localhost:8444", False),
    (PORT, "localhost", "https://localhost", True),
    (HOST, "127.0.0.1", "https://localhost:8443", True),
    (HOST, "127.0.0.1", "https://127.0.0.1", False),
    ({}, "localhost", "https://a.example.com", True),
    ({}, "localhost", "http://a.example.com", False),
    ({}, "localhost", "https://a.example.org", False),
]


def form_status(client: httpx.Client, headers: dict[str, str], origin: str) -> int:
    """Post a form with a wrong password; return the status."""
    page = client.get("/sign-in/", headers=headers)
    (token,) = set(re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text))
    cookie = page.headers["Set-Cookie"].partition(";")[0]
    return client.post(
        "/sign-in/",
        data={"csrfmiddlewaretoken": token, "username": "x", "password": "y"},
        headers={**headers, "Origin": origin, "Cookie": cookie},
    ).status_code


def socket_status(client: httpx.Client, headers: dict[str, str], origin: str) -> int:
    """Send a handshake; return the status."""
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    with client.stream("GET", "/graphql/", headers={**headers, **upgrade, "Origin": origin}) as got:
        return got.status_code


def test_the_pages_of_the_site_are_its_own(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server(
        BEHIND_PROXY="true",
        USE_X_FORWARDED_HOST="true",
        ALLOWED_ORIGINS="https://*.example.com,capacitor://localhost",
        SIGN_IN_RATE_PER_NAME="1000/second",
        PAGES="true",
    )
    found = {}
    with httpx.Client(base_url=server.http, timeout=60) as client:
        for given, host, origin, _ in CASES:
            headers = {**given, "X-Forwarded-Proto": "https", "Host": host}
            case = (*given, host, origin)
            found[case] = (
                form_status(client, headers, origin),
                socket_status(client, headers, origin),
            )
        app = socket_status(
            client, {"Host": "localhost", "X-Forwarded-Proto": "https"}, "capacitor://localhost"
        )
    assert found == {
        (*given, host, origin): (200, 101) if is_ours else (403, 403)
        for given, host, origin, is_ours in CASES
    }
    assert app == 101


def test_a_forwarded_host_of_others_counts_for_neither(
    start_server: Callable[..., ServerProcess],
) -> None:
    server = start_server(USE_X_FORWARDED_HOST="true", TRUSTED_PROXIES="192.0.2.1")
    with httpx.Client(base_url=server.http, timeout=60) as client:
        trusted = {"Host": "localhost", "X-Forwarded-Host": "inbox.example.com"}
        assert client.get("/admin/login/", headers=trusted).status_code == 200
        assert socket_status(client, trusted, "http://localhost") == 101
        assert socket_status(client, trusted, "http://inbox.example.com") == 403
        forged = {"Host": "evil.example", "X-Forwarded-Host": "localhost"}
        assert client.get("/admin/login/", headers=forged).status_code == 400
        assert socket_status(client, forged, "http://localhost") == 400
