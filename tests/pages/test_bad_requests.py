"""Requests whose form cannot be read, as anybody may send them to any page of the site."""

from __future__ import annotations

import pytest
from django.test import Client

pytestmark = [pytest.mark.django_db, pytest.mark.stack("embedded")]


@pytest.mark.parametrize("path", ["/", "/sign-out/", "/admin/login/"])
@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("application/x-www-form-urlencoded; charset=utf-7", b"{ __typename }"),
        ("application/x-www-form-urlencoded", b"a=b&" * 2000),
        ("multipart/form-data; boundary=", b"x"),
    ],
)
def test_a_form_that_cannot_be_read_is_a_bad_request(
    path: str, content_type: str, content: bytes
) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.cookies["csrftoken"] = "a" * 64
    response = browser.post(path, content, content_type=content_type)
    assert (response.status_code, response.content) == (400, b"Bad Request\n")
