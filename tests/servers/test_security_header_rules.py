"""Which security headers the site adds to an answer, on any server. tests/end_to_end/ walks all of its addresses."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import override_settings

from live_inbox.web.content_security_policy import NOTHING_ALLOWED
from live_inbox_site.security_headers import DEBUG_POLICY, PAGE_POLICY, SecurityHeaders

pytestmark = pytest.mark.stack("embedded")

BY_PROXY = ("HTTP_X_FORWARDED_PROTO", "https")
HTML = (b"Content-Type", b"text/html; charset=utf-8")
POLICY = "content-security-policy"
HSTS = "strict-transport-security"


async def answered(
    *given: tuple[bytes, bytes],
    status: int = 200,
    scheme: str = "http",
    proto: bytes | None = None,
    **settings: Any,
) -> dict[str, str]:
    """Return the headers of an answer that the application has given with some."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": given})

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError

    forwarded = [] if proto is None else [(b"x-forwarded-proto", proto)]
    with override_settings(**settings):
        scope = {"type": "http", "scheme": scheme, "headers": forwarded}
        await SecurityHeaders(application)(scope, receive, send)
    names = [name.lower() for name, _ in sent[0]["headers"]]
    assert len(names) == len(set(names))
    return {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}


@pytest.mark.parametrize(
    ("scheme", "proto", "by_proxy", "is_sent"),
    [
        ("https", None, None, True),
        ("http", None, None, False),
        # Anybody can send it, but only with the setting is there a proxy that does.
        ("http", b"https", None, False),
        ("http", b"https", BY_PROXY, True),
        ("http", b"https, http", BY_PROXY, True),
        ("http", b"http", BY_PROXY, False),
        ("https", b"http", BY_PROXY, False),
        ("https", None, BY_PROXY, True),
    ],
)
async def test_strict_transport_security_is_sent_over_tls(
    scheme: str, proto: bytes | None, by_proxy: Any, is_sent: bool
) -> None:
    options = {"SECURE_HSTS_SECONDS": 60, "SECURE_PROXY_SSL_HEADER": by_proxy}
    headers = await answered(scheme=scheme, proto=proto, **options)
    assert headers.get(HSTS) == ("max-age=60" if is_sent else None)


async def test_strict_transport_security_can_be_off() -> None:
    assert HSTS not in await answered(scheme="https", SECURE_HSTS_SECONDS=0)


async def test_pages_may_load_from_the_site_and_other_answers_nothing() -> None:
    assert (await answered(HTML))[POLICY] == PAGE_POLICY
    assert (await answered(HTML, status=500))[POLICY] == PAGE_POLICY
    for content in (b"application/json", b"text/plain", b"image/svg+xml", b"text/javascript"):
        assert (await answered((b"content-type", content)))[POLICY] == NOTHING_ALLOWED
    assert (await answered())[POLICY] == NOTHING_ALLOWED


async def test_only_errors_with_debug_may_have_inline_scripts() -> None:
    assert (await answered(HTML, status=500, DEBUG=True))[POLICY] == DEBUG_POLICY
    assert (await answered(HTML, DEBUG=True))[POLICY] == PAGE_POLICY


async def test_headers_that_are_there_stay() -> None:
    headers = await answered(
        HTML, (b"Content-Security-Policy", b"own"), (b"X-Frame-Options", b"SAMEORIGIN")
    )
    assert (headers[POLICY], headers["x-frame-options"]) == ("own", "SAMEORIGIN")
    assert headers["x-content-type-options"] == "nosniff"
