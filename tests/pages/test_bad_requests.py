"""Requests whose form cannot be read, as anybody may send them to any page of the site."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.test import Client, RequestFactory

from live_inbox_site import pages
from live_inbox_site.django_handler import django_handler

pytestmark = [pytest.mark.django_db, pytest.mark.stack("embedded")]


@pytest.mark.parametrize("path", ["/", "/sign-out/", "/admin/login/", "/nowhere"])
@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("application/x-www-form-urlencoded; charset=utf-7", b"{ __typename }"),
        ("application/x-www-form-urlencoded", b"a=b&" * 2000),
        ("multipart/form-data; boundary=", b"x"),
        ("multipart/form-data; boundary=b,\xff", b"--b\r\n"),
    ],
)
def test_a_form_that_cannot_be_read_is_a_bad_request(
    path: str, content_type: str, content: bytes
) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.cookies["csrftoken"] = "a" * 64
    response = browser.post(path, content, content_type=content_type)
    assert (response.status_code, response.content) == (400, b"Bad Request\n")


ERRORS: dict[str, Callable[[Any], HttpResponse]] = {
    "not found": lambda request: pages.not_found(request, Http404()),
    "forbidden": lambda request: pages.forbidden(request, PermissionDenied()),
    "failed": pages.failed,
}


@pytest.mark.parametrize(
    ("name", "right", "broken"),
    [("not found", 404, 400), ("forbidden", 403, 400), ("failed", 500, 500)],
)
def test_pages_of_errors_do_not_fail_for_such_a_form(name: str, right: int, broken: int) -> None:
    """Django's own make a CSRF check, which reads the form."""

    def answer(content_type: str) -> HttpResponse:
        request = RequestFactory().generic("POST", "/nowhere", b"a=b", content_type=content_type)
        request.COOKIES["csrftoken"] = "a" * 32
        return ERRORS[name](request)

    assert answer("application/x-www-form-urlencoded").status_code == right
    response = answer("multipart/form-data; boundary=b,\xff")
    assert response.status_code == broken
    assert response["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("content_type", ["text/plain; charset=utf-8", "text/plain"])
async def test_a_query_string_with_too_many_fields_is_a_bad_request(content_type: str) -> None:
    """With a charset, Django reads it before there is a request."""
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/demo-token",
        "query_string": b"a=b&" * 2000,
        "headers": [(b"host", b"localhost"), (b"content-type", content_type.encode())],
    }
    sent: list[Any] = []
    received = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Any:
        if received:
            return received.pop()
        # The client stays.
        return await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    await django_handler()(scope, receive, send)
    assert sent[0]["status"] == 400
