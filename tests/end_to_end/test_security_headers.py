"""Every answer of the site has the security headers: those of all addresses in the URLconf, of files, and of errors."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.regex_helper import normalize

from live_inbox import send, send_many, set_preference
from tests.stacks.uvicorn_server import ServerProcess

EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
HSTS = "max-age=31536000; includeSubDomains; preload"
OVER_TLS = {"X-Forwarded-Proto": "https"}
FILES = (
    "/static/admin/css/base.css",
    "/static/admin/js/core.js",
    "/static/admin/img/icon-addlink.svg",
    "/static/live_inbox/pages/pages.css",
    "/static/nothing.css",
    "/static/",
)

REFUSED_BY_THE_SERVER = (
    (b"nonsense\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Large: " + 20_000 * b"x" + b"\r\n\r\n", 431),
    (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\n", 413),
)


def policy(answer: httpx.Response) -> dict[str, str]:
    """Return the Content-Security-Policy of an answer by directives. Several would be one that nothing here fits."""
    parts = answer.headers.get("content-security-policy", "").split("; ")
    return {name: value for name, _, value in (part.partition(" ") for part in parts)}


def problems(answer: httpx.Response, *, hsts: str | None = HSTS) -> list[str]:
    """Return what is wrong with the headers of an answer."""
    found = [
        f"{name}: {answer.headers.get_list(name)}"
        for name, value in EVERYWHERE.items()
        if answer.headers.get_list(name) != [value]
    ]
    if "camera=()" not in answer.headers.get("permissions-policy", ""):
        found.append("permissions-policy")
    if answer.headers.get("strict-transport-security") != hsts:
        found.append(
            f"strict-transport-security: {answer.headers.get('strict-transport-security')}"
        )
    directives = policy(answer)
    is_page = answer.headers.get("content-type", "").startswith("text/html")
    expected = {
        "default-src": {"'none'"},
        "script-src": {"'self'"} if is_page else {None},
        "base-uri": {"'none'"},
        "form-action": {"'self'"} if is_page else {"'none'"},
        "frame-ancestors": {"'none'"},
        "object-src": {None},
    }
    found += [
        f"{name} {directives.get(name)}"
        for name, values in expected.items()
        if directives.get(name) not in values
    ]
    return found


def addresses(objects: dict[str, str]) -> Iterator[str]:
    """Yield an address of every pattern of the site. `objects`: a key of each model, by "app_label/model_name"."""

    def walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[str]:
        values = {"object_id": objects.get("/".join(prefix.split("/")[-3:-1]), "1")}
        values |= {"app_label": "live_inbox", "url": "nothing/"}
        for pattern in patterns:
            for form, names in normalize(pattern.pattern.regex.pattern):
                own = prefix + form % {name: values.get(name, "1") for name in names}
                if isinstance(pattern, URLResolver):
                    yield from walk(pattern.url_patterns, own)
                else:
                    yield f"/{own}"

    yield from walk(get_resolver().url_patterns, "")


@pytest.fixture
def objects(transactional_db: None) -> dict[str, str]:
    """Make an object of every model in the admin; return their keys by "app_label/model_name"."""
    boss = get_user_model().objects.create_superuser("boss", password="secret")
    Group.objects.create(name="Clerks")
    send(recipient=boss, title="One")
    send_many(recipients=[boss], title="Many", idempotency_key="many")
    set_preference(user=boss, type="general", enabled=False)
    found = {model: model._default_manager.first() for model in admin.site._registry}
    return {
        f"{model._meta.app_label}/{model._meta.model_name}": str(one.pk)
        for model, one in found.items()
        if one is not None
    }


@pytest.fixture
def admin_cookie(objects: dict[str, str]) -> str:
    """Return the header of an administrator's browser."""
    client = Client()
    client.force_login(get_user_model().objects.get())
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def test_every_answer_has_the_headers(
    start_server: Callable[..., ServerProcess], objects: dict[str, str], admin_cookie: str
) -> None:
    server = start_server(
        BEHIND_PROXY="true",
        HSTS_INCLUDE_SUBDOMAINS="true",
        HSTS_PRELOAD="true",
        PAGES="true",
        GRAPHIQL="true",
    )
    paths = [*dict.fromkeys(addresses(objects)), *FILES, "/nowhere"]
    as_admin = OVER_TLS | {"Accept": "text/html", "Cookie": admin_cookie}
    kinds = [("GET", as_admin), ("GET", OVER_TLS), ("POST", OVER_TLS), ("OPTIONS", OVER_TLS)]
    wrong: dict[str, list[str]] = {}
    statuses: dict[str, set[int]] = {}
    with httpx.Client(base_url=server.http, timeout=60) as client:

        def look(answer: httpx.Response, **options: Any) -> int:
            if found := problems(answer, **options):
                wrong[f"{answer.request.method} {answer.url} {answer.status_code}"] = found
            return answer.status_code

        for path in paths:
            statuses[path] = {
                look(client.request(method, path, headers=headers)) for method, headers in kinds
            }
        # Pages of objects are there.
        for label, key in objects.items():
            assert 200 in statuses[f"/admin/{label}/{key}/change/"]
            assert 200 in statuses[f"/admin/{label}/{key}/history/"]
        assert set().union(*statuses.values()) >= {200, 301, 302, 400, 403, 404, 405}

        # Without TLS, with a host that the site refuses, and with a fault.
        assert look(client.get("/admin/"), hsts=None) == 301
        assert look(client.get("/healthz"), hsts=None) == 200
        assert look(client.get("/", headers=OVER_TLS | {"Host": "evil.example"})) == 400
        with renamed("django_session"):
            assert look(client.get("/admin/", headers=as_admin)) == 500
    assert wrong == {}
    for request, status in REFUSED_BY_THE_SERVER:
        answer = exchange(server.port, request).lower()
        assert answer.startswith(b"http/1.1 %d " % status)
        assert b"\r\nx-content-type-options: nosniff\r\n" in answer
        assert (
            b"\r\ncontent-security-policy: default-src 'none'; frame-ancestors 'none'\r\n" in answer
        )


def exchange(port: int, request: bytes) -> bytes:
    """Send bytes to the server; return all that it answers before it closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


@contextmanager
def renamed(table: str) -> Iterator[None]:
    """Take a table away while in the block: what needs it fails."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO away")
        try:
            yield
        finally:
            cursor.execute(f"ALTER TABLE away RENAME TO {table}")
