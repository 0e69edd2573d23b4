"""The button of the live page that makes thousands of events: the list stays right, and what it costs is counted."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, Request, expect

from tests.pages.site import Site
from tests.pages.test_accessibility import audit
from tests.pages.test_live_page import open_live
from tests.pages.waiting import eventually

pytestmark = [
    pytest.mark.stack("embedded"),
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(180),
]

# Adds up, over all frames, how many rows each of them has touched.
WATCH = """
  window.touched = 0;
  window.most = 0;
  const feed = document.querySelector("notification-inbox").shadowRoot.querySelector(".feed");
  new MutationObserver((records) => {
    const rows = new Set();
    for (const { target, addedNodes, removedNodes } of records) {
      for (const node of [target, ...addedNodes, ...removedNodes]) {
        const row = (node instanceof Element ? node : node.parentElement)?.closest("article");
        if (row) rows.add(row);
      }
    }
    window.touched += rows.size;
    window.most = Math.max(window.most, feed.querySelectorAll("article").length);
  }).observe(feed, { subtree: true, childList: true, attributes: true, characterData: true });
"""


async def test_an_event_touches_one_row_at_most(page: Page, site: Site) -> None:
    site.send("alice", "before")
    first, second = await open_live(page)
    await page.evaluate(WATCH)
    button = page.locator("#many-events")
    # The same in less time.
    await button.evaluate("each => { each.value = '1000' }")
    await button.click()
    await expect(button).to_have_text("Stop")
    await expect(button).to_have_text("10,000 events")
    text = await page.locator("#many-events-made").inner_text()
    events = int(text.split()[0].replace(",", ""))
    assert events >= 1_000
    expected = site.titles("alice")
    for inbox in (first, second):
        await eventually(inbox.titles, expected)
        await eventually(inbox.count, f"{len(expected)} unread")
    touched, most = await page.evaluate("[window.touched, window.most]")
    assert 0 < touched <= events
    assert most < 100
    assert await audit(page) == []


async def test_it_can_be_stopped(page: Page, site: Site) -> None:
    first, _ = await open_live(page)
    button = page.locator("#many-events")
    asked: list[Request] = []
    answered: list[Request] = []
    # Playwright takes no method of a list.
    page.on("request", lambda request: asked.append(request))
    page.on("requestfinished", lambda request: answered.append(request))

    async def waiting() -> int:
        return len(asked) - len(answered)

    await button.click()
    await expect(page.locator("#many-events-made")).to_contain_text("events")
    await button.click()
    await expect(button).to_have_text("10,000 events")
    # What was asked for last is made, and nothing more is asked for.
    await eventually(waiting, 0)
    await eventually(first.titles, site.titles("alice"))
    asked.clear()
    site.send("alice", "after")
    await expect(first.item("after")).to_be_visible()
    assert asked == []
