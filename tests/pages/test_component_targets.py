"""Rows of `<notification-inbox>` that are links by what their notifications are about."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import expect

from tests.pages.conftest import Opener
from tests.pages.embedding import OtherSite
from tests.pages.inbox_view import InboxView
from tests.pages.page_monitor import PageMonitor
from tests.pages.site import Site
from tests.pages.waiting import eventually

pytestmark = [pytest.mark.stack("embedded"), pytest.mark.asyncio(loop_scope="session")]

STAY = """
window.opened = [];
document.addEventListener("notification-open", (event) => {
  event.preventDefault();
  window.opened.push(event.detail.notification.link);
});
"""


def order(number: str) -> dict[str, str]:
    """Return a target for which the site has a link, if it is a number."""
    return {"type": "shop.order", "objectId": number}


def opened(other_page: OtherSite) -> Callable[[], Awaitable[object]]:
    """Return what reads the links that were about to be followed."""
    return lambda: other_page.page.evaluate("window.opened")


async def with_parts(inbox: InboxView) -> None:
    """Wait until the script is there that links rows: it brings a style sheet."""
    sheets = "each => each.shadowRoot.adoptedStyleSheets.length"
    await eventually(lambda: inbox.root.evaluate(sheets), 2)


def asked(monitor: PageMonitor) -> int:
    """Return how often the page has asked for a link."""
    return sum("query TargetLink" in frame for frame in monitor.frames)


async def test_a_row_becomes_a_link_when_the_pointer_rests_on_it(
    other_page: OtherSite, site: Site, monitor: PageMonitor
) -> None:
    site.send("alice", "order", message="Words. " * 100, target=order("7"))
    inbox = await other_page.open("inline", STAY)
    link = inbox.item("order").get_by_role("link", name="order")
    await expect(inbox.item("order")).to_be_visible()
    await expect(link).to_have_count(0)
    assert asked(monitor) == 0
    await inbox.item("order").hover()
    await expect(link).to_have_attribute("href", "/orders/7")
    await inbox.item("order").click(position={"x": 60, "y": 50})
    await eventually(opened(other_page), ["/orders/7"])
    await eventually(inbox.unread, [])
    # A change of the row leaves the link, and does not ask for it again.
    await inbox.press("order", "Mark as unread")
    await eventually(inbox.unread, ["order"])
    await inbox.item("order").hover()
    await expect(link).to_have_attribute("href", "/orders/7")
    assert asked(monitor) == 1


@pytest.mark.parametrize("by", ["click", "tap", "Enter"])
async def test_a_row_is_opened_before_its_link_is_known(
    open_context: Opener, other_page: OtherSite, site: Site, by: str
) -> None:
    if by == "tap":
        context = await open_context(has_touch=True, is_mobile=True)
        other_page.page = page = await context.new_page()
        other_page.inbox = InboxView(page.locator("notification-inbox"))
    site.send("alice", "order", message="Words. " * 100, target=order("7"))
    inbox = await other_page.open("inline", STAY)
    await expect(inbox.item("order").get_by_role("button", name="Show more")).to_be_visible()
    await with_parts(inbox)
    if by == "click":
        await inbox.item("order").dispatch_event("click")
        # Nobody is there any more who wants to open it.
        assert await opened(other_page)() == []
        await inbox.item("order").click(position={"x": 60, "y": 50})
    elif by == "tap":
        await inbox.item("order").tap(position={"x": 60, "y": 50})
    else:
        await inbox.item("order").focus()
        await other_page.page.keyboard.press("Enter")
    await eventually(opened(other_page), ["/orders/7"])
    await expect(inbox.item("order").get_by_role("button", name="Show more")).to_be_visible()


async def test_a_row_whose_target_has_no_link_is_as_any_other(
    other_page: OtherSite, site: Site, monitor: PageMonitor
) -> None:
    site.send("alice", "gone", message="Words. " * 100, target=order("deleted"))
    inbox = await other_page.open("inline", STAY)
    item = inbox.item("gone")
    await with_parts(inbox)
    await item.focus()
    await other_page.page.keyboard.press("Enter")
    await expect(item.get_by_role("button", name="Show less")).to_be_visible()
    await other_page.page.keyboard.press("Enter")
    await expect(item.get_by_role("button", name="Show more")).to_be_visible()
    await item.click(position={"x": 60, "y": 50})
    await expect(item.get_by_role("link")).to_have_count(0)
    assert asked(monitor) == 1
    assert await opened(other_page)() == []


async def test_a_link_of_its_own_is_not_asked_for(
    other_page: OtherSite, site: Site, monitor: PageMonitor
) -> None:
    site.send("alice", "own", link="/own", target=order("7"))
    site.send("alice", "order", target=order("8"))
    inbox = await other_page.open("inline", STAY)
    await inbox.item("own").click()
    await eventually(opened(other_page), ["/own"])
    await with_parts(inbox)
    await inbox.item("order").click()
    await eventually(opened(other_page), ["/own", "/orders/8"])
    assert asked(monitor) == 1


async def test_without_a_connection_nobody_is_taken_away_later(
    other_page: OtherSite, site: Site
) -> None:
    site.send("alice", "order", target=order("7"))
    inbox = await other_page.open("inline", STAY)
    await with_parts(inbox)
    site.server.kill()
    await expect(inbox.status).to_have_attribute("data-state", "reconnecting")
    await inbox.item("order").focus()
    await other_page.page.keyboard.press("Enter")
    await expect(inbox.root.get_by_role("alert")).to_contain_text("Connection lost")
    site.server.start()
    await expect(inbox.status).to_have_attribute("data-state", "live")
    assert await opened(other_page)() == []
    await other_page.page.keyboard.press("Enter")
    await eventually(opened(other_page), ["/orders/7"])


async def test_tabs_with_one_connection_ask_through_it(
    open_context: Opener, other_page: OtherSite, site: Site
) -> None:
    site.send("alice", "order", target=order("7"))
    await other_page.open('inline remember="alice"', STAY)
    second = await other_page.page.context.new_page()
    await second.goto(other_page.address)
    inbox = InboxView(second.locator("notification-inbox"))
    await inbox.item("order").hover()
    link = inbox.item("order").get_by_role("link", name="order")
    await expect(link).to_have_attribute("href", "/orders/7")
