"""What tells of an arrival beside the list of `<notification-inbox>`: toasts, a sound, notifications of the browser."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page, expect

from tests.pages.conftest import Opener
from tests.pages.embedding import OtherSite
from tests.pages.inbox_view import InboxView
from tests.pages.page_monitor import PageMonitor
from tests.pages.site import Site
from tests.pages.test_accessibility import audit
from tests.pages.waiting import eventually

pytestmark = [pytest.mark.stack("embedded"), pytest.mark.asyncio(loop_scope="session")]

# A browser without a screen lets no page ask, shows none of its notifications, and hides no page. These stand for it.
BROWSER = """
window.shown = [];
window.asked = 0;
window.allowed = "default";
window.Notification = class extends EventTarget {
  static get permission() { return window.allowed; }
  static async requestPermission() { window.asked += 1; return (window.allowed = "granted"); }
  constructor(title, { body, tag }) { super(); window.shown.push([title, body, tag]); window.latest = this; }
  close() {}
};
Object.defineProperty(document, "visibilityState", { get: () => window.visibility ?? "visible" });
"""
TONES = """
window.tones = [];
const { createOscillator } = AudioContext.prototype;
AudioContext.prototype.createOscillator = function () {
  window.tones.push(this.state);
  return createOscillator.call(this);
};
"""


def reading(page: Page, expression: str) -> Callable[[], Awaitable[object]]:
    """Return what reads the value of an expression in a page."""

    async def read() -> object:
        return await page.evaluate(expression)

    return read


async def test_nothing_tells_of_arrivals_unless_the_page_asks_for_it(
    other_page: OtherSite, site: Site, monitor: PageMonitor
) -> None:
    inbox = await other_page.open("", BROWSER + TONES)
    await other_page.page.evaluate("window.allowed = 'granted'; window.visibility = 'hidden'")
    site.send("alice", "one")
    await expect(inbox.root.locator(".badge")).to_have_text("1")
    await inbox.root.locator(".bell").click()
    assert await inbox.root.locator(".toast, .question:not([hidden])").count() == 0
    assert await other_page.page.evaluate("[window.shown, window.tones]") == [[], []]
    assert not [url for url in monitor.requests if "alerts" in url]


async def test_a_toast_tells_of_what_arrives_while_the_panel_is_closed(
    other_page: OtherSite, site: Site
) -> None:
    page = other_page.page
    site.send("alice", "missed")
    inbox = await other_page.open('alerts="toast"')
    toasts = inbox.root.locator(".toast")
    site.send("alice", "with a link", message="And a message.", link="/there")
    await expect(toasts).to_have_count(1)
    await expect(toasts.locator("p")).to_have_text("And a message.")
    await expect(toasts.get_by_role("link", name="with a link")).to_have_attribute("href", "/there")
    assert await audit(page) == []
    await toasts.get_by_role("button", name="Dismiss").click()
    await expect(toasts).to_have_count(0)
    for number in range(5):
        site.send("alice", f"n{number}")
        await expect(toasts.last).to_contain_text(f"n{number}")
    await expect(toasts).to_have_count(3)
    # On a low screen, where three have no room, the newest can be used.
    await page.set_viewport_size({"width": 320, "height": 256})
    site.send("alice", "Donaudampfschifffahrtsgesellschaft " * 5, message="And a message.")
    await expect(toasts.filter(visible=True)).to_have_count(1)
    await expect(toasts.filter(visible=True)).to_be_in_viewport(ratio=1)
    await toasts.last.get_by_role("button", name="Dismiss").click()
    await expect(toasts.filter(visible=True)).to_contain_text("n4")
    # One without a link leads to the list, which no toast covers.
    await toasts.last.get_by_role("button", name="n4").click()
    await expect(inbox.root.locator(".panel")).to_be_visible()
    await expect(toasts).to_have_count(0)
    site.send("alice", "seen at once")
    await eventually(inbox.count, "9 unread")
    await expect(toasts).to_have_count(0)


async def test_formatted_messages_are_told_without_their_marks(
    other_page: OtherSite, site: Site
) -> None:
    page = other_page.page
    inbox = await other_page.open('alerts="toast browser"', BROWSER)
    await page.evaluate("window.allowed = 'granted'; window.visibility = 'hidden'")
    written = "Some **bold** and a [link](/a).\n\n- `one`\n- two"
    site.send("alice", "formatted", message=written, format="MARKDOWN")
    site.send("alice", "plain", message="a **b**")
    await eventually(
        reading(page, "window.shown.map(([title, body]) => [title, body])"),
        [["formatted", "Some bold and a link.\none\ntwo"], ["plain", "a **b**"]],
    )
    messages = inbox.root.locator(".toast p")
    await expect(messages).to_have_text(["Some bold and a link. one two", "a **b**"])
    assert await messages.locator("*").count() == 0


async def test_what_was_missed_is_no_arrival(
    open_context: Opener, other_page: OtherSite, site: Site
) -> None:
    inbox = await other_page.open('alerts="toast" remember="alice"')
    page = other_page.page
    stored = "localStorage.getItem('notification-inbox:alice') !== null"
    await eventually(reading(page, stored), True)
    await page.goto("about:blank")
    site.send("alice", "missed")
    await page.goto(other_page.address)
    await expect(inbox.root.locator(".badge")).to_have_text("1")
    site.send("alice", "new")
    await expect(inbox.root.locator(".toast")).to_have_text("new")


async def test_a_sound_once_for_a_burst(other_page: OtherSite, site: Site) -> None:
    page = other_page.page
    inbox = await other_page.open('alerts="sound"', TONES)
    await page.locator("h1").click()
    for number in range(4):
        site.send("alice", f"n{number}")
    await expect(inbox.root.locator(".badge")).to_have_text("4")
    await eventually(reading(page, "window.tones.length"), 2)


async def test_the_browser_notifies_after_it_was_asked_politely(
    other_page: OtherSite, site: Site
) -> None:
    page = other_page.page
    inbox = await other_page.open('alerts="browser"', BROWSER)
    await page.evaluate("window.visibility = 'hidden'")
    site.send("alice", "not allowed yet")
    await expect(inbox.root.locator(".badge")).to_have_text("1")
    assert await page.evaluate("[window.shown, window.asked]") == [[], 0]
    await inbox.root.locator(".bell").click()
    question = inbox.root.get_by_text("Show notifications of your browser")
    await expect(question).to_be_visible()
    assert await audit(page) == []
    await page.evaluate("window.visibility = 'visible'")
    await inbox.root.get_by_role("button", name="Turn on").click()
    await expect(question).to_be_hidden()
    assert await page.evaluate("window.asked") == 1
    await inbox.root.locator(".bell").click()
    site.send("alice", "in front")
    await expect(inbox.root.locator(".badge")).to_have_text("1")
    await page.evaluate("window.visibility = 'hidden'")
    sent = site.send("alice", "behind", message="A message.")
    expected = [["behind", "A message.", f"notification-inbox {sent}"]]
    await eventually(reading(page, "window.shown"), expected)
    await page.evaluate("window.latest.onclick()")
    await expect(inbox.root.locator(".panel")).to_be_visible()


async def test_not_now_is_an_answer(other_page: OtherSite, site: Site) -> None:
    inbox = await other_page.open('alerts="browser"', BROWSER)
    question = inbox.root.get_by_text("Show notifications of your browser")
    await inbox.root.locator(".bell").click()
    await inbox.root.get_by_role("button", name="Not now").click()
    await expect(question).to_be_hidden()
    await other_page.page.reload()
    again = InboxView(other_page.page.locator("notification-inbox"))
    await expect(again.status).to_have_attribute("data-state", "live")
    await again.root.locator(".bell").click()
    # They are there, and ask no more.
    await expect(again.root.locator(".toasts")).to_have_count(1)
    await expect(question).to_be_hidden()
    assert await other_page.page.evaluate("window.asked") == 0
