"""Event streams to clients that were not made for this product: graphql-sse and urql in Node, and a browser's own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.async_api import Page

from live_inbox_site.building import REPOSITORY, find_node
from tests.pages.page_monitor import PageMonitor
from tests.pages.site import Site
from tests.pages.waiting import eventually
from tests.waiting import wait_until

pytestmark = [pytest.mark.stack("embedded"), pytest.mark.timeout(120)]

PROGRAM = REPOSITORY / "frontend" / "node_modules" / ".programs" / "stream_clients.mjs"


class StreamProgram:
    """A client in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def until(self, key: str, value: object) -> dict[str, Any]:
        """Return the next thing that it has seen with this value. It must see no error."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            seen: dict[str, Any] = json.loads(line)
            assert not seen.get("error"), seen
            assert not seen.get("errors"), seen
            if seen.get(key) == value:
                return seen
        raise AssertionError(f"it has ended without {key}: {value}")


@contextmanager
def running(client: str, site: Site) -> Iterator[StreamProgram]:
    """Run a client of alice."""
    address = f"{site.http}/graphql/"
    process = subprocess.Popen(
        [str(find_node()), str(PROGRAM), client, address, site.token("alice")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield StreamProgram(process)


@pytest.fixture(scope="module")
def built_programs(built_pages: None) -> None:
    """Bundle the programs."""
    command = [str(find_node()), "frontend/check.mjs", "--programs"]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)


def test_graphql_sse(site: Site, built_programs: None) -> None:
    with running("graphql-sse", site) as client:
        client.until("viewer", "alice")
        client.until("viewerComplete", True)
        # Without a position, what is sent before the subscription has begun is not in its stream.
        wait_until(lambda: site.subscriptions() == 1)
        site.send("alice", "one")
        client.until("title", "one")
        site.server.restart()
        site.send("alice", "two")
        client.until("connected", True)
        client.until("title", "two")


def test_urql(site: Site, built_programs: None) -> None:
    site.send("alice", "one")
    with running("urql", site) as client:
        client.until("title", "one")
        site.send("alice", "two")
        client.until("title", "two")


OPEN = """
(address) => {
  window.seen = [];
  const source = new EventSource(address);
  window.source = source;
  source.addEventListener("open", () => window.seen.push("open"));
  source.addEventListener("next", ({ data, lastEventId }) => {
    const event = JSON.parse(data).data.notificationEvents;
    window.seen.push(event.notification.title);
    window.lastEventId = lastEventId;
  });
  source.addEventListener("error", () => window.seen.push("error", source.readyState));
}
"""
TITLES = """subscription ($after: String) { notificationEvents(after: $after) {
    ... on NotificationAdded { notification { title } } } }"""
CREATE = "mutation { createTicket(api: GRAPHQL) { ticket } }"


def address(site: Site, **variables: str) -> str:
    """Return the address of a stream, with a ticket of alice."""
    ticket = site.execute("alice", CREATE)["createTicket"]["ticket"]
    fields = {"query": TITLES, "variables": json.dumps(variables), "ticket": ticket}
    return f"{site.http}/graphql/?{urlencode(fields)}"


@pytest.mark.asyncio(loop_scope="session")
async def test_an_event_source_of_another_site_with_a_ticket(
    page: Page, site: Site, monitor: PageMonitor, other_site: tuple[str, Path]
) -> None:
    other, directory = other_site
    monitor.origins |= {urlsplit(other).netloc}
    (directory / "index.html").write_text(
        '<title>Other site</title><link rel="icon" href="data:,">'
    )
    await page.goto(other)
    await page.evaluate(OPEN, address(site))
    await eventually(lambda: page.evaluate("window.seen"), ["open"])
    site.send("alice", "one")
    await eventually(lambda: page.evaluate("window.seen"), ["open", "one"])
    after = await page.evaluate("window.lastEventId")
    await page.evaluate("window.source.close()")
    site.send("alice", "between")
    await page.evaluate(OPEN, address(site, after=after))
    await eventually(lambda: page.evaluate("window.seen"), ["open", "between"])
    await page.evaluate("window.source.close()")


SIGN_IN = """
import django
django.setup()
from django.contrib.auth import get_user_model
from django.test import Client
client = Client()
client.force_login(get_user_model().objects.get(username="alice"))
print(client.cookies["sessionid"].value)
"""


@pytest.mark.asyncio(loop_scope="session")
async def test_an_event_source_of_the_site_resumes_by_itself(page: Page, site: Site) -> None:
    """With the session's cookie: a browser reconnects with the id of the last event, and the server does the rest."""
    await page.context.add_cookies(
        [{"name": "sessionid", "value": site.run(SIGN_IN).strip(), "url": site.http}]
    )
    await page.goto("/admin/login/")
    await page.evaluate(OPEN, f"/graphql/?{urlencode({'query': TITLES})}")
    await eventually(lambda: page.evaluate("window.seen"), ["open"])
    site.server.stop()
    # Before the first event: it resumes where it began.
    site.send_from_other_process("alice", "while it was away")
    site.server.start()
    titles = "window.seen.filter((each) => each !== 'open' && typeof each === 'string' && each !== 'error')"
    await eventually(lambda: page.evaluate(titles), ["while it was away"])
    site.send("alice", "one")
    await eventually(lambda: page.evaluate(titles), ["while it was away", "one"])
    site.server.stop()
    for title in ("two", "three"):
        site.send_from_other_process("alice", title)
    site.server.start()
    expected = ["while it was away", "one", "two", "three"]
    await eventually(lambda: page.evaluate(titles), expected)
    await page.evaluate("window.source.close()")
