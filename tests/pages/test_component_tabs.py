"""Tabs of one browser that show the same inbox share one connection."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.pages.embedding import OtherSite
from tests.pages.inbox_view import InboxView
from tests.pages.page_monitor import PageMonitor
from tests.pages.site import Site
from tests.pages.waiting import eventually

pytestmark = [pytest.mark.stack("embedded"), pytest.mark.asyncio(loop_scope="session")]


async def open_tab(context: BrowserContext, address: str) -> tuple[Page, InboxView]:
    """Open the page once more and return its inbox when it is live."""
    page = await context.new_page()
    await page.goto(address)
    inbox = InboxView(page.locator("notification-inbox"))
    await expect(inbox.status).to_have_attribute("data-state", "live")
    return page, inbox


def sockets(monitor: PageMonitor) -> int:
    """Return how many sockets the pages have opened."""
    return sum(url.startswith("ws") for url in monitor.requests)


async def test_tabs_share_one_socket_and_another_takes_over(
    other_page: OtherSite, site: Site, monitor: PageMonitor
) -> None:
    site.send("alice", "one")
    first = await other_page.open('inline remember="user-1"')
    context = other_page.page.context
    _, second = await open_tab(context, other_page.address)
    _, third = await open_tab(context, other_page.address)
    assert sockets(monitor) == 1
    site.send("alice", "two")
    for inbox in (first, second, third):
        await eventually(inbox.titles, ["two", "one"])
    # What another tab does goes over the connection of the first one.
    await third.press("one", "Mark as read")
    for inbox in (first, second, third):
        await eventually(inbox.count, "1 unread")
    await other_page.page.close()
    site.send("alice", "three")
    await eventually(second.titles, ["three", "two", "one"])
    await expect(third.status).to_have_attribute("data-state", "live")
    await eventually(third.count, "2 unread")
    assert sockets(monitor) == 2
    await second.press("three", "Mark as read")
    await eventually(third.count, "1 unread")


async def test_a_tab_that_comes_later_has_the_same_list(
    other_page: OtherSite, site: Site, monitor: PageMonitor
) -> None:
    inbox = await other_page.open('inline remember="user-1"')
    for title in ("one", "two"):
        site.send("alice", title)
    await eventually(inbox.titles, ["two", "one"])
    _, later = await open_tab(other_page.page.context, other_page.address)
    await eventually(later.titles, ["two", "one"])
    site.send("alice", "three")
    for each in (inbox, later):
        await eventually(each.titles, ["three", "two", "one"])
    assert sockets(monitor) == 1


async def test_a_crashed_tab_is_replaced(
    other_page: OtherSite, site: Site, monitor: PageMonitor
) -> None:
    """A tab that crashes with a change on its way: another one makes the change."""
    site.send("alice", "one")
    await other_page.open('inline remember="user-1"')
    _, second = await open_tab(other_page.page.context, other_page.address)
    session = await other_page.page.context.new_cdp_session(other_page.page)
    crash = session.send("Page.crash")
    await second.press("one", "Mark as read")
    await eventually(second.count, "all read")

    async def unread() -> int:
        found = site.execute("alice", "{ notifications { unreadCount } }")
        return int(found["notifications"]["unreadCount"])

    await eventually(unread, 0)
    site.send("alice", "two")
    await eventually(second.count, "1 unread")
    crash.close()


async def test_users_and_pages_without_a_key_do_not_share(
    other_page: OtherSite, site: Site, monitor: PageMonitor
) -> None:
    await other_page.open("inline")
    await open_tab(other_page.page.context, other_page.address)
    assert sockets(monitor) == 2


async def test_a_page_that_is_kept_to_come_back_to_has_no_connection(
    other_page: OtherSite, site: Site
) -> None:
    """The back/forward cache, which browsers under automation do not have: here its events alone."""
    site.send("alice", "one")
    inbox = await other_page.open('inline remember="user-1"')
    page = other_page.page
    event = "dispatchEvent(new PageTransitionEvent('{}', {{ persisted: true }}))"
    await page.evaluate(event.format("pagehide"))
    site.send("alice", "two")
    # The lock is free: another tab has the connection at once.
    _, other = await open_tab(page.context, other_page.address)
    await eventually(other.titles, ["two", "one"])
    assert await inbox.titles() == ["one"]
    await page.evaluate(event.format("pageshow"))
    await eventually(inbox.titles, ["two", "one"])
