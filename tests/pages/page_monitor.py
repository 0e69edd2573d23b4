"""Records what pages must not do, and reads the inboxes that they show."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, Locator, Page

DEADLINE_SECONDS = 30.0

_REPORT = """
addEventListener("securitypolicyviolation", (event) => {
  reportViolation(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`);
});
"""


@dataclass
class PageMonitor:
    """Records the requests, errors and policy violations of the pages in a browser context.

    `origins` are the hosts that pages may connect to; requests to others are in `outside`.
    """

    origins: set[str]
    violations: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    frames: list[str] = field(default_factory=list)

    async def attach(self, context: BrowserContext) -> None:
        """Start recording in a context that has no pages yet."""
        await context.expose_binding(
            "reportViolation", lambda _, text: self.violations.append(text)
        )
        await context.add_init_script(_REPORT)
        context.on("request", lambda request: self._on_request(request.url))
        context.on("weberror", lambda error: self.errors.append(str(error.error)))
        context.on("page", self._on_page)

    def _on_page(self, page: Page) -> None:
        def on_socket(socket: Any) -> None:
            self._on_request(socket.url)
            socket.on("framesent", lambda data: self.frames.append(str(data)))

        page.on("websocket", on_socket)

    def _on_request(self, url: str) -> None:
        self.requests.append(url)
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.netloc not in self.origins:
            self.outside.append(url)


async def eventually(read: Callable[[], Awaitable[object]], expected: object) -> None:
    """Wait until `read` returns `expected`; fail with the difference after `DEADLINE_SECONDS`."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (found := await read()) != expected:
        if time.monotonic() > deadline:
            assert found == expected
        await asyncio.sleep(0.02)


class InboxView:
    """One `<notification-inbox>` as a user sees it."""

    def __init__(self, root: Locator) -> None:
        self.root = root
        self.items = root.locator("article")
        self.status = root.locator(".status")

    def item(self, title: str) -> Locator:
        """Return the notification with this title."""
        return self.items.filter(has=self.root.page.locator("h3", has_text=title))

    async def titles(self) -> list[str]:
        """Return the titles in the list, from the top."""
        script = "found => found.map(each => each.lastChild.textContent)"
        return list(await self.items.locator("h3").evaluate_all(script))

    async def unread(self) -> list[str]:
        """Return the titles of the notifications that are shown as unread."""
        script = "found => found.map(each => each.querySelector('h3').lastChild.textContent)"
        return list(await self.root.locator("article[data-unread]").evaluate_all(script))

    async def count(self) -> str:
        """Return the text about the number of unread notifications."""
        return await self.root.locator(".count").inner_text()

    async def press(self, title: str, button: str) -> None:
        """Press a button of a notification."""
        item = self.item(title)
        await item.hover()
        await item.get_by_role("button", name=button).click()
