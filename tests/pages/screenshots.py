"""Takes the screenshots for the docs from a real server: `python -m tests.pages.screenshots`.

The one of the languages needs fonts for Arabic and Japanese.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright, expect

from live_inbox_site.building import REPOSITORY, build
from tests.pages.chromium import ARGUMENTS, find_chromium
from tests.pages.site import Site
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.stack import Stack

IMAGES = REPOSITORY / "docs" / "images"
MAX_BYTES = 300_000
SETTLE_MS = 900
"""By then the animations are over, and the resumed notifications are still marked."""

LANGUAGES = ("en", "de", "es", "fr", "ar", "ja")
SENT_IN_LANGUAGES = [
    ("Deploy finished", "Version 3.2 is on all machines."),
    ("المستند جاهز", "يمكنك تنزيله الآن: report-7.pdf"),
    ("請求書 2041", "お支払いを確認しました。"),
]
SENT_WHILE_LIVE = [
    ("Welcome aboard", "Your first week is planned; have a look.", "general"),
    ("Invoice 2041 is paid", "1,280.00, from Baker & Sons.", "billing"),
    ("Details approved", "Your details have been approved.", "approval"),
    ("Build 512 is green", "All 1,204 tests passed.", "report"),
]
SENT_WHILE_UNPLUGGED = [
    ("Lunch is served", "On the roof, while it is warm.", "general"),
    ("Deploy finished", "Version 3.2 is on all machines.", "report"),
    ("Your parcel has arrived", "It waits at the front desk.", "general"),
]


async def capture_live_page(page: Page, site: Site, path: Path) -> None:
    """Capture a device that has just caught up beside one that was never offline."""
    await page.goto("/")
    devices = page.locator(".device")
    for index in (0, 1):
        await expect(devices.nth(index).locator(".status")).to_have_text("Live")
    for title, message, type_ in SENT_WHILE_LIVE:
        site.send("alice", title, message=message, type=type_, sender="bob")
    for title in ("Welcome aboard", "Invoice 2041 is paid"):
        item = devices.nth(0).locator("article", has_text=title)
        await item.hover()
        await item.get_by_role("button", name="Mark as read").click()
    await expect(devices.nth(1).locator("article[data-unread]")).to_have_count(2)
    plug = devices.nth(1).locator(".plug-button")
    await plug.click()
    await expect(devices.nth(1).locator(".status")).to_have_attribute("data-state", "reconnecting")
    for title, message, type_ in SENT_WHILE_UNPLUGGED:
        site.send("alice", title, message=message, type=type_, sender="bob")
    await expect(devices.nth(0).locator("article")).to_have_count(7)
    await plug.click()
    await expect(devices.nth(1).locator(".status")).to_have_text("Caught up: 3 changes")
    await page.mouse.move(0, 0)
    await page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    await devices.locator(".scroll").evaluate_all(
        "found => found.forEach((each) => { each.scrollTop = 0; })"
    )
    await page.wait_for_timeout(SETTLE_MS)
    await page.screenshot(path=path)


async def capture_graphiql(page: Page, site: Site, path: Path) -> None:
    """Capture a subscription that has just delivered an event, and the documentation."""
    await page.goto("/graphql/")
    await page.get_by_role("button", name="Show Documentation Explorer").click()
    await page.get_by_role("link", name="Subscription", exact=True).click()
    await page.get_by_role("tab", name="Live").click()
    await expect(page.locator(".graphiql-query-editor")).to_contain_text("subscription Live")
    await page.get_by_role("button", name="Execute query").click()
    await expect(page.locator(".toolbar .status")).to_have_text("Subscription: live")
    site.send("alice", "Hello, GraphiQL", message="Sent while you watch.")
    await expect(page.locator(".result-window")).to_contain_text("Hello, GraphiQL")
    await page.screenshot(path=path)


async def capture_languages(page: Page, site: Site, path: Path) -> None:
    """Capture the same inbox in every language that the component has."""
    parts = "".join(
        f'<div lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}">'
        f'<notification-inbox inline endpoint="/graphql/" token="{site.token("alice")}"></notification-inbox></div>'
        for language in LANGUAGES
    )
    page_of_all = f"""<!doctype html><meta charset="utf-8"><title>Languages</title>
        <script src="/notification-inbox.js" defer></script>
        <style>
            body {{ margin: 16px; display: grid; grid-template-columns: repeat(3, 1fr); gap: 16px; }}
            notification-inbox {{ display: block; height: 460px; }}
        </style>{parts}"""
    await page.route(
        "**/languages", lambda route: route.fulfill(body=page_of_all, content_type="text/html")
    )
    for title, message in SENT_IN_LANGUAGES:
        site.send("alice", title, message=message)
    await page.goto("/languages")
    inboxes = page.locator("notification-inbox")
    for index in range(len(LANGUAGES)):
        await expect(inboxes.nth(index).locator("article")).to_have_count(len(SENT_IN_LANGUAGES))
    await inboxes.nth(0).locator("article").nth(1).hover()
    await page.wait_for_timeout(SETTLE_MS)
    await page.screenshot(path=path)


async def capture_all(browser: Browser, site: Site) -> None:
    """Take every screenshot."""
    for scheme, stem in (("light", "live-inbox"), ("dark", "live-inbox-dark")):
        site.clear()
        page = await _open_page(browser, site, scheme)
        await capture_live_page(page, site, IMAGES / f"{stem}.png")
        await page.context.close()
    page = await _open_page(browser, site, "light")
    await capture_graphiql(page, site, IMAGES / "graphiql.png")
    await page.context.close()
    site.clear()
    page = await _open_page(browser, site, "light")
    await capture_languages(page, site, IMAGES / "languages.png")


async def _open_page(browser: Browser, site: Site, scheme: str) -> Page:
    context = await browser.new_context(
        base_url=site.http,
        color_scheme="dark" if scheme == "dark" else "light",
        locale="en",
        viewport={"width": 1280, "height": 1000},
    )
    return await context.new_page()


async def main() -> None:
    """Build the pages, serve them, and take the screenshots."""
    build(with_tests=True)
    IMAGES.mkdir(parents=True, exist_ok=True)
    with ProcessRegistry() as process_registry:
        stack = Stack("embedded", process_registry)
        environment = stack.environment()
        os.environ.update(environment)
        site = Site(process_registry, environment)
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=find_chromium(), args=ARGUMENTS
            )
            await capture_all(browser, site)
            await browser.close()
        site.close()
    for path in sorted(IMAGES.glob("*.png")):
        size = path.stat().st_size
        print(f"{path.relative_to(REPOSITORY)}: {size} bytes")
        if size > MAX_BYTES:
            raise SystemExit(f"{path} is larger than {MAX_BYTES} bytes.")


if __name__ == "__main__":
    asyncio.run(main())
