"""Embeds `<notification-inbox>` in a page of another site, with a script tag and an endpoint."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from playwright.async_api import Page, expect

from tests.pages.inbox_view import InboxView
from tests.pages.page_monitor import PageMonitor
from tests.pages.site import Site

POLICY = "default-src 'none'; script-src {site}; connect-src {server}; img-src data:"


def embed(
    directory: Path,
    site: Site,
    attributes: str,
    script: str = "",
    how: str = "defer",
    *,
    html: str = 'lang="en"',
    content: str = "",
) -> None:
    """Write a page that embeds the inbox, under a policy that allows no inline style or script.

    `script` runs when the component is defined; `how` are the attributes of the component's script, `html` those of the
    page, and `content` is what stands in the element.
    """
    policy = POLICY.format(site=site.http, server=f"{site.server.ws} {site.http}")
    (directory / "page.js").write_text(script)
    (directory / "index.html").write_text(
        f"""<!doctype html><html {html}><meta charset="utf-8"><title>Other site</title>
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="Content-Security-Policy" content="{policy} ; script-src-elem {site.http} 'self'">
        <link rel="icon" href="data:,">
        <script src="{site.http}/notification-inbox.js" {how}></script>
        <script src="page.js" defer></script>
        <main><h1>Other site</h1>
        <notification-inbox endpoint="{site.http}/graphql/" {attributes}>{content}</notification-inbox></main>"""
    )


class OtherSite:
    """Another site, whose page shows Alice's inbox."""

    def __init__(self, page: Page, site: Site, monitor: PageMonitor, address: str, directory: Path):
        self.page = page
        self.site = site
        self.address = address
        self.directory = directory
        self.inbox = InboxView(page.locator("notification-inbox"))
        monitor.origins.add(urlsplit(address).netloc)

    async def open(
        self, attributes: str = "inline", script: str = "", **settings: str
    ) -> InboxView:
        """Open a page that shows the inbox, and return it once it is live."""
        token = self.site.token("alice")
        embed(self.directory, self.site, f'token="{token}" {attributes}', script, **settings)
        await self.page.goto(self.address)
        await expect(self.inbox.status).to_have_attribute("data-state", "live")
        return self.inbox
