"""Requests of pages of other origins: what browsers are told (CORS), and that cookies do not count."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import AsyncClient

from tests.changed_settings import changed_settings
from tests.graphql.http_client import bearer

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/graphql/"
VIEWER = {"query": "{ viewer { username } }"}
SITE = "https://app.example.com"
APP = "capacitor://localhost"
ALLOWED = [SITE, "https://deep.below.example.org", APP, "null"]
STRANGE = [
    "https://evil.example",
    "http://app.example.com",
    "https://app.example.com.evil.example",
    "tauri://localhost",
    "https://testserver",
]


@pytest.fixture(autouse=True)
def _allowed() -> Iterator[None]:
    with changed_settings(ALLOWED_ORIGINS=[SITE, "https://*.example.org", APP, "null"]):
        yield


@pytest.fixture
async def browser(transactional_db: None) -> AsyncClient:
    """Return a browser with a session of alice, and a CSRF token."""
    browser = AsyncClient(enforce_csrf_checks=True)
    await browser.aforce_login(await User.objects.acreate_user("alice"))
    browser.cookies["csrftoken"] = "a" * 32
    return browser


async def post(browser: AsyncClient, **headers: str) -> Any:
    headers = {"X-CSRFToken": "a" * 32, **headers}
    return await browser.post(URL, VIEWER, content_type="application/json", headers=headers)


def cors(response: HttpResponse) -> dict[str, str]:
    """Return the headers of CORS."""
    return {name: value for name, value in response.items() if name.startswith("Access-Control-")}


async def preflight(origin: str, headers: str = "authorization,content-type") -> Any:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": headers,
    }
    return await AsyncClient().options(URL, headers=asked)


@pytest.mark.parametrize("origin", ALLOWED)
async def test_the_preflight_of_an_allowed_page(origin: str) -> None:
    response = await preflight(origin)
    assert response.status_code == 204
    assert response.content == b""
    allowed = cors(response)
    names = allowed.pop("Access-Control-Allow-Headers").lower().split(", ")
    assert {"authorization", "content-type", "apollographql-client-name"} <= set(names)
    assert allowed == {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "GET, POST",
        "Access-Control-Max-Age": "7200",
        "Access-Control-Expose-Headers": "Retry-After, WWW-Authenticate",
    }
    assert "Origin" in response["Vary"]


@pytest.mark.parametrize("origin", STRANGE)
async def test_the_preflight_of_any_other_page(origin: str) -> None:
    response = await preflight(origin)
    assert response.status_code == 403
    assert "ALLOWED_ORIGINS" in json.loads(response.content)["errors"][0]["message"]
    assert cors(response) == {}
    assert "Origin" in response["Vary"]


@pytest.mark.parametrize("origin", ALLOWED)
async def test_an_allowed_page_with_a_token(browser: AsyncClient, origin: str) -> None:
    bob = await User.objects.acreate_user("bob")
    response = await post(browser, Origin=origin, Authorization=bearer(bob))
    assert json.loads(response.content) == {"data": {"viewer": {"username": "bob"}}}
    assert cors(response) == {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": "Retry-After, WWW-Authenticate",
    }


@pytest.mark.parametrize("origin", ALLOWED)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_session_of_an_allowed_page_does_not_count(
    browser: AsyncClient, origin: str, method: str
) -> None:
    if method == "GET":
        response: Any = await browser.get(URL, VIEWER, headers={"Origin": origin})
    else:
        response = await post(browser, Origin=origin)
    (error,) = json.loads(response.content)["errors"]
    assert error["extensions"] == {"code": "UNAUTHENTICATED", "reason": "missing"}


@pytest.mark.parametrize("origin", STRANGE)
async def test_other_pages_cannot_read_and_have_no_session(
    browser: AsyncClient, origin: str
) -> None:
    bob = await User.objects.acreate_user("bob")
    # Browsers send no such request. Others are free to.
    with_token = await post(browser, Origin=origin, Authorization=bearer(bob))
    assert json.loads(with_token.content) == {"data": {"viewer": {"username": "bob"}}}
    response: Any = await browser.get(URL, VIEWER, headers={"Origin": origin})
    assert json.loads(response.content)["data"] is None
    refused = await post(browser, Origin=origin)
    assert refused.status_code == 403
    assert "Origin checking failed" in json.loads(refused.content)["errors"][0]["message"]
    assert cors(with_token) == cors(response) == cors(refused) == {}


async def test_errors_can_be_read_as_well(browser: AsyncClient) -> None:
    for headers, status in (({"Authorization": "Bearer x"}, 401), ({"Accept": "image/png"}, 406)):
        response = await post(browser, Origin=SITE, **headers)
        assert response.status_code == status
        assert response["Access-Control-Allow-Origin"] == SITE


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://testserver"}])
async def test_pages_of_the_server_are_as_ever(
    browser: AsyncClient, headers: dict[str, str]
) -> None:
    response = await post(browser, **headers)
    assert json.loads(response.content) == {"data": {"viewer": {"username": "alice"}}}
    assert cors(response) == {}


@pytest.mark.parametrize("name", ["NameInCookie", "NameInHeader"])
async def test_the_cookies_do_not_count_for_an_authenticator_of_the_project(
    browser: AsyncClient, name: str
) -> None:
    """A header is no cookie: pages can send it only if the project's own CORS headers allow that."""
    browser.cookies["user"] = "alice"
    path = f"tests.identity.project_authenticators.{name}"
    with changed_settings(AUTHENTICATOR=path, ALLOWED_ORIGINS=[SITE]):
        response = await post(browser, **{"Origin": SITE, "X-User": "alice"})
    found = json.loads(response.content)["data"]
    assert found == (None if name == "NameInCookie" else {"viewer": {"username": "alice"}})
