"""Pages that are watched: whatever they do that they must not do is written down."""

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
class Watch:
    """What the pages of a browser context have done wrong, and what they have asked for."""

    origins: set[str]
    violations: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    frames: list[str] = field(default_factory=list)

    async def over(self, context: BrowserContext) -> None:
        """Begin to watch a context that has no pages yet."""
        await context.expose_binding(
            "reportViolation", lambda _, text: self.violations.append(text)
        )
        await context.add_init_script(_REPORT)
        context.on("request", lambda request: self._requested(request.url))
        context.on("weberror", lambda error: self.faults.append(str(error.error)))
        context.on("page", self._opened)

    def _opened(self, page: Page) -> None:
        def connected(socket: Any) -> None:
            self._requested(socket.url)
            socket.on("framesent", lambda data: self.frames.append(str(data)))

        page.on("websocket", connected)

    def _requested(self, url: str) -> None:
        self.requests.append(url)
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.netloc not in self.origins:
            self.outside.append(url)


async def eventually(read: Callable[[], Awaitable[object]], expected: object) -> None:
    """Wait until what is read is what is expected; fail with the difference after a generous deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (found := await read()) != expected:
        if time.monotonic() > deadline:
            assert found == expected
        await asyncio.sleep(0.02)


class InboxOnScreen:
    """One `<notification-inbox>` as a person sees it."""

    def __init__(self, root: Locator) -> None:
        self.root = root
        self.items = root.locator("article")
        self.status = root.locator(".status")

    def item(self, title: str) -> Locator:
        """The notification with this title."""
        return self.items.filter(has=self.root.page.locator("h3", has_text=title))

    async def titles(self) -> list[str]:
        """Return the titles in the list, from the top."""
        script = "found => found.map(each => each.lastChild.textContent)"
        return list(await self.items.locator("h3").evaluate_all(script))

    async def unread(self) -> list[str]:
        """Return the titles of what is shown as unread."""
        script = "found => found.map(each => each.querySelector('h3').lastChild.textContent)"
        return list(await self.root.locator("article[data-unread]").evaluate_all(script))

    async def count(self) -> str:
        """Return what is said of the number of unread notifications."""
        return await self.root.locator(".count").inner_text()

    async def press(self, title: str, button: str) -> None:
        """Press a button of a notification."""
        item = self.item(title)
        await item.hover()
        await item.get_by_role("button", name=button).click()
