"""The site below a prefix: sockets, pages, static files, redirects and the admin stay inside of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

import httpx
import pytest

from tests.servers.conftest import StartServer
from tests.servers.delivery import check_delivery

pytestmark = pytest.mark.stack("embedded")

PREFIX = "/inbox"
ADDRESS = re.compile(r'(?:href|src|action)="(/[^"]*)"')


@dataclass(frozen=True)
class Deployment:
    """A server that knows the prefix, behind a proxy that removes it from requests or does not."""

    server: str
    options: tuple[str, ...] = ()
    force_script_name: str = ""
    proxy_strips: bool = False


DEPLOYMENTS = [
    Deployment("uvicorn", ("--root-path=/inbox",), proxy_strips=True),
    Deployment("uvicorn", force_script_name="/inbox"),
    Deployment("daphne", ("--root-path=/inbox",)),
    Deployment("hypercorn", ("--root-path=/inbox",)),
    Deployment("granian", ("--url-path-prefix=/inbox",)),
]


class Browser:
    """Requests addresses as they stand in pages."""

    def __init__(self, client: httpx.Client, deployment: Deployment) -> None:
        self._client = client
        self._strips = deployment.proxy_strips

    def get(self, address: str) -> httpx.Response:
        """Request an address, which is inside of the prefix. Redirects are not followed."""
        assert address.startswith(f"{PREFIX}/")
        return self._client.get(address.removeprefix(PREFIX) if self._strips else address)

    def addresses(self, address: str) -> set[str]:
        """Return the addresses in a page."""
        page = self.get(address)
        assert page.status_code == 200
        return set(ADDRESS.findall(page.text))


def check_pages(browser: Browser) -> None:
    """Check that pages, their files and redirects are inside of the prefix."""
    for page in ("/inbox/admin/login/", "/inbox/sign-in/"):
        found = browser.addresses(page)
        assert found
        for address in found:
            assert browser.get(address).status_code in (200, 302, 503)
    styles = [each for each in browser.addresses("/inbox/admin/login/") if each.endswith(".css")]
    assert styles
    assert {browser.get(each).headers["Content-Type"] for each in styles} == {
        'text/css; charset="utf-8"'
    }
    assert browser.get("/inbox/admin/").headers["Location"] == (
        "/inbox/admin/login/?next=/inbox/admin/"
    )
    assert browser.get("/inbox/notifications/preferences/").headers["Location"] == (
        "/inbox/sign-in/?next=/inbox/notifications/preferences/"
    )
    old = browser.get("/inbox/admin/authentication/")
    assert old.headers["Location"] == "/inbox/admin/live_inbox/"


@pytest.mark.parametrize(
    "deployment", DEPLOYMENTS, ids=lambda each: each.server + "".join(each.options)
)
def test_everything_stays_inside_of_the_prefix(
    deployment: Deployment, start: StartServer, alice: int, token: str
) -> None:
    server = start(
        deployment.server,
        *deployment.options,
        FORCE_SCRIPT_NAME=deployment.force_script_name,
        PAGES="true",
    )
    with httpx.Client(base_url=server.http, timeout=60) as client:
        check_pages(Browser(client, deployment))
    check_delivery(server.ws + ("" if deployment.proxy_strips else PREFIX), alice, token)
