"""The component on small and low screens, which is what 200 % and 400 % make of a desktop, in every language."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect

from tests.pages.embedding import OtherSite
from tests.pages.inbox_view import InboxView
from tests.pages.site import Site
from tests.pages.waiting import eventually

pytestmark = [pytest.mark.stack("embedded"), pytest.mark.asyncio(loop_scope="session")]

LANGUAGES = ("en", "de", "es", "fr", "ar", "ja")

SIZES = (
    (320, 256),
    (320, 640),
    (360, 300),
    (390, 740),
    (568, 320),
    (640, 400),
    (844, 390),
    (1280, 720),
)

MEASURE = """
  async root => {
    // The panel takes its place when the window has another size.
    for (let frames = 0; frames < 2; frames += 1) await new Promise(requestAnimationFrame);
    const shadow = root.shadowRoot, panel = shadow.querySelector(".panel");
    const frame = panel.getBoundingClientRect();
    const left = Math.max(frame.left, 0), right = Math.min(frame.right, innerWidth);
    const faults = [];
    const parts = "button, select, h2, h2 *, .status, .empty, .bars span, .day, p, th, label, input";
    for (const each of panel.querySelectorAll(parts)) {
      const box = each.getBoundingClientRect();
      if (box.width < 2 || each.closest(".keys")) continue;
      const name = `${each.className} ${each.textContent}`;
      if (box.left < left - 0.5 || box.right > right + 0.5) faults.push(`cut off: ${name}`);
      if (each.scrollWidth > each.clientWidth + 1 && each.clientWidth) faults.push(`too long: ${name}`);
    }
    for (const each of panel.querySelectorAll("h2 bdi, .segments button")) {
      const text = document.createRange();
      text.selectNodeContents(each);
      const tops = new Set([...text.getClientRects()].map(({ top }) => Math.round(top)));
      if (!/[ \\u3040-\\u30ff]/.test(each.textContent) && tops.size > 1) faults.push(`broken: ${each.textContent}`);
    }
    if (document.documentElement.scrollWidth > innerWidth) faults.push("the page scrolls sideways");
    const isSheet = getComputedStyle(panel).position === "fixed";
    if (isSheet && frame.top < -0.5) faults.push("the panel begins above the window");
    return faults;
  }
"""


async def measure(inbox: InboxView) -> list[str]:
    """Return what is cut off, or broken within a word."""
    return list(await inbox.root.evaluate(MEASURE))


async def open_in(
    other_page: OtherSite, language: str, attributes: str = "", script: str = ""
) -> InboxView:
    direction = "rtl" if language == "ar" else "ltr"
    inbox = await other_page.open(attributes, script, html=f'lang="{language}" dir="{direction}"')
    await expect(inbox.root.locator(".panel")).to_have_attribute("lang", language)
    return inbox


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("attributes", ["", "inline"])
async def test_nothing_is_cut_off(
    other_page: OtherSite, site: Site, attributes: str, language: str
) -> None:
    site.send("alice", "A title of some length that needs two lines", priority="URGENT")
    inbox = await open_in(other_page, language, attributes)
    await inbox.root.evaluate("root => { root.open = true }")
    found: dict[Any, list[str]] = {}
    for width, height in SIZES:
        await other_page.page.set_viewport_size({"width": width, "height": height})
        found[width, height] = await measure(inbox)
    assert found == {size: [] for size in SIZES}


LOW = ((320, 256), (360, 300), (568, 320), (320, 640), (1280, 300))

SEEN = """
  (root, selector) => {
    const shadow = root.shadowRoot, each = shadow.querySelector(selector);
    const clips = [".scroll", ".panel"].map(name => shadow.querySelector(name)).filter(clip => clip.contains(each));
    let { top, bottom } = each.getBoundingClientRect();
    for (const clip of clips) {
      top = Math.max(top, clip.getBoundingClientRect().top);
      bottom = Math.min(bottom, clip.getBoundingClientRect().bottom);
    }
    top = Math.max(top, 0);
    bottom = Math.min(bottom, innerHeight);
    for (const cover of shadow.querySelectorAll(".bars, .keys")) {
      const box = cover.getBoundingClientRect();
      if (box.height > 1 && !cover.contains(each) && box.bottom > top) bottom = Math.min(bottom, box.top);
    }
    return Math.round(Math.max(0, bottom - top));
  }
"""


async def seen_of(inbox: InboxView, selector: str) -> int:
    """Return how many pixels of the height of an element are seen."""
    return int(await inbox.root.evaluate(SEEN, selector))


@pytest.mark.parametrize(("attributes", "language"), [("", "de"), ("", "fr"), ("inline", "de")])
async def test_everything_is_within_reach_on_low_screens(
    other_page: OtherSite, site: Site, attributes: str, language: str
) -> None:
    """The end of the list, the row that has the focus, and what can be undone. The keys are where they cover no row."""
    for number in range(1, 5):
        site.send("alice", f"number {number}", message="Words that take two lines or so. " * 2)
    inbox = await open_in(other_page, language, attributes)
    page, bar = other_page.page, inbox.root.locator(".bar")
    await inbox.root.evaluate("root => { root.open = true }")
    for width, height in LOW:
        await page.set_viewport_size({"width": width, "height": height})
        if attributes:
            await inbox.root.evaluate("(root, px) => { root.style.height = `${px}px` }", height)
        await inbox.items.first.focus()
        for key in ("ArrowDown", "ArrowDown", "End"):
            await page.keyboard.press(key)

            async def is_seen() -> bool:
                seen = await seen_of(inbox, "article:focus")
                return seen >= 30

            await eventually(is_seen, True)
        await expect(inbox.items.last).to_be_focused()
        await page.keyboard.press("e")
        if not attributes:
            await expect(bar).to_be_in_viewport(ratio=1)
        await bar.locator(".link").click()
        await expect(inbox.items).to_have_count(4)
        await expect(bar).to_be_hidden()
