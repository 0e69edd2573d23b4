"""Records what the pages of a browser do: requests, errors, policy violations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Page

_REPORT = """
addEventListener("securitypolicyviolation", (event) => {
  const { effectiveDirective, blockedURI, sample, sourceFile, lineNumber } = event;
  reportViolation(`${effectiveDirective} ${blockedURI} ${sample} at ${sourceFile}:${lineNumber} on ${location}`);
});
"""

_OF_THE_NETWORK = ("Failed to load resource:", "WebSocket ")


@dataclass
class PageMonitor:
    """Records the requests, errors and policy violations of the pages in a browser context.

    `origins` are the hosts that pages may connect to; requests to others are in `outside`. What
    browsers report of requests that failed is not in `console`: tests have them fail.
    """

    origins: set[str]
    violations: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
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
        context.on("console", self._on_console)
        context.on("page", self._on_page)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(_OF_THE_NETWORK):
            self.console.append(f"{message.text} ({message.location})")

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
