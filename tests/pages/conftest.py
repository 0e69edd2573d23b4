"""A site and a browser, shared by all tests of the pages; inboxes and browser contexts are each test's own.

These tests share one event loop: the browser is driven through it.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from live_inbox_site import building
from tests.pages.chromium import ARGUMENTS, NoChromium, find_chromium
from tests.pages.site import Site
from tests.pages.watching import DEADLINE_SECONDS, Watch
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.stack import Stack

Opener = Callable[..., Awaitable[BrowserContext]]

expect.set_options(timeout=DEADLINE_SECONDS * 1000)


@pytest.fixture(scope="session")
def built_pages() -> None:
    """The pages and the packages of their tests, brought up to date."""
    building.build(with_tests=True)


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Another site: its address, and the directory of its files."""
    directory = tmp_path_factory.mktemp("elsewhere")
    handler = partial(_Quiet, directory=str(directory))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", directory
    server.shutdown()
    server.server_close()
    thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def shared_site(
    built_pages: None,
    process_registry: ProcessRegistry,
    stack: Stack,
    django_db_setup: None,
    elsewhere: tuple[str, Path],
) -> Iterator[Site]:
    """The server. Use `site`."""
    environment = {
        **stack.environment(),
        "DATABASE_URL": stack.fresh_database(),
        "ALLOWED_ORIGINS": elsewhere[0],
    }
    site = Site(process_registry, environment)
    yield site
    site.close()


@pytest.fixture
def site(shared_site: Site) -> Site:
    """The server, with empty inboxes."""
    shared_site.clear()
    return shared_site


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(built_pages: None) -> AsyncIterator[Browser]:
    """A real Chromium, without a screen."""
    try:
        path = find_chromium()
    except NoChromium as problem:
        pytest.fail(str(problem), pytrace=False)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
def watch(site: Site, elsewhere: tuple[str, Path]) -> Iterator[Watch]:
    """What the pages of this test do. Nothing may leave the site, break its policy or fail."""
    watch = Watch({urlsplit(site.http).netloc})
    yield watch
    assert watch.outside == []
    assert watch.violations == []
    assert watch.faults == []


@pytest_asyncio.fixture(loop_scope="session")
async def open_context(browser: Browser, watch: Watch, site: Site) -> AsyncIterator[Opener]:
    """Make browser contexts, each like a browser of its own; closed after the test."""
    contexts: list[BrowserContext] = []

    async def open_(**options: object) -> BrowserContext:
        options = {"base_url": site.http, "locale": "en", "reduced_motion": "reduce", **options}
        context = await browser.new_context(**options)  # type: ignore[arg-type]
        context.set_default_timeout(DEADLINE_SECONDS * 1000)
        await watch.over(context)
        contexts.append(context)
        return context

    yield open_
    for context in contexts:
        await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(open_context: Opener) -> Page:
    """A page of a browser of its own."""
    return await (await open_context()).new_page()
