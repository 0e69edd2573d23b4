"""A site and a browser, shared by all tests of the pages. Each test has its own inboxes and browser contexts.

These tests share one event loop, through which playwright controls the browser.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, closing
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from live_inbox_site import building
from tests.pages.chromium import ARGUMENTS, NoChromium, find_chromium
from tests.pages.embedding import OtherSite
from tests.pages.page_monitor import PageMonitor
from tests.pages.site import Site
from tests.pages.waiting import DEADLINE_SECONDS
from tests.stacks.ports import LOOPBACK, free_port
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.stack import Stack

Opener = Callable[..., Awaitable[BrowserContext]]

expect.set_options(timeout=DEADLINE_SECONDS * 1000)


@pytest.fixture(scope="session")
def built_pages() -> None:
    """Build the pages, and install the packages that their tests need."""
    building.build(with_tests=True)


@pytest.fixture(scope="session")
def other_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Serve a directory as another site; yield its address and the directory."""
    directory = tmp_path_factory.mktemp("other_site")
    handler = partial(_SilentHandler, directory=str(directory))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", directory
    server.shutdown()
    server.server_close()
    thread.join()


class _SilentHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

    def end_headers(self) -> None:
        """Embed nothing that does not agree to it (COEP)."""
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        super().end_headers()


@pytest.fixture(scope="session")
def next_port() -> int:
    """Return the port of the sample with Next, whose pages are of another origin than the inbox."""
    return free_port()


StartSite = Callable[..., AbstractContextManager[Site]]
"""Starts a server with these settings, which allows the other sites, and closes it in the end."""


@pytest.fixture(scope="session")
def start_site(
    built_pages: None,
    process_registry: ProcessRegistry,
    stack: Stack,
    django_db_setup: None,
    other_site: tuple[str, Path],
    next_port: int,
) -> StartSite:
    def start(**settings: str) -> AbstractContextManager[Site]:
        environment = {
            **stack.environment(),
            "DATABASE_URL": stack.fresh_database(),
            "ALLOWED_ORIGINS": f"{other_site[0]},http://{LOOPBACK}:{next_port}",
            **settings,
        }
        return closing(Site(process_registry, environment))

    return start


@pytest.fixture(scope="session")
def shared_site(start_site: StartSite) -> Iterator[Site]:
    """Start the server. Tests use `site`."""
    with start_site(TARGET_LINKS='{"shop.order": "tests.pages.orders.links_of"}') as site:
        yield site


@pytest.fixture
def site(shared_site: Site) -> Site:
    """Return the server, with empty inboxes."""
    shared_site.clear()
    return shared_site


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(built_pages: None) -> AsyncIterator[Browser]:
    """Start a real Chromium, headless."""
    try:
        path = find_chromium()
    except NoChromium as error:
        pytest.fail(str(error), pytrace=False)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
def monitor(site: Site, other_site: tuple[str, Path]) -> Iterator[PageMonitor]:
    """Record what the pages of this test do. No request may leave the site, break its policy or fail."""
    monitor = PageMonitor({urlsplit(site.http).netloc})
    yield monitor
    assert monitor.outside == []
    assert monitor.violations == []
    assert monitor.errors == []
    assert monitor.console == []


@pytest_asyncio.fixture(loop_scope="session")
async def open_context(browser: Browser, monitor: PageMonitor, site: Site) -> AsyncIterator[Opener]:
    """Return a function that opens browser contexts, which share nothing. They are closed after the test."""
    contexts: list[BrowserContext] = []

    async def open_(**options: object) -> BrowserContext:
        options = {"base_url": site.http, "locale": "en", "reduced_motion": "reduce", **options}
        context = await browser.new_context(**options)  # type: ignore[arg-type]
        context.set_default_timeout(DEADLINE_SECONDS * 1000)
        await monitor.attach(context)
        contexts.append(context)
        return context

    yield open_
    for context in contexts:
        await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(open_context: Opener) -> Page:
    """Open a page in a browser context of its own."""
    return await (await open_context()).new_page()


@pytest.fixture
def other_page(
    page: Page, site: Site, monitor: PageMonitor, other_site: tuple[str, Path]
) -> OtherSite:
    """Return the page of another site that can show an inbox."""
    return OtherSite(page, site, monitor, *other_site)
