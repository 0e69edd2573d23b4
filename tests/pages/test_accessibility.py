"""Audits the pages with axe: no violation of any rule, in every state of the component."""

from __future__ import annotations

from functools import cache

import pytest
from playwright.async_api import Page, expect

from live_inbox_site.building import REPOSITORY
from tests.pages.admin_site import sign_in
from tests.pages.conftest import Opener
from tests.pages.embedding import OtherSite
from tests.pages.page_monitor import PageMonitor
from tests.pages.site import Site
from tests.pages.test_live_page import open_live
from tests.pages.waiting import eventually

pytestmark = [pytest.mark.stack("embedded"), pytest.mark.asyncio(loop_scope="session")]


@cache
def axe() -> str:
    """Return the script of axe."""
    return (REPOSITORY / "frontend" / "node_modules" / "axe-core" / "axe.min.js").read_text()


async def audit(page: Page) -> list[str]:
    """Return the violations that axe finds: the rule, and the element.

    One violation of GraphiQL itself is left out: its tabs contain the buttons that close them.
    """
    await page.evaluate(axe())
    found = await page.evaluate("axe.run({ resultTypes: ['violations'] })")
    return [
        f"{violation['id']}: {node['html'][:200]}"
        for violation in found["violations"]
        for node in violation["nodes"]
        if not (violation["id"] == "nested-interactive" and 'class="graphiql-tab' in node["html"])
    ]


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
async def test_live_page_is_accessible(open_context: Opener, site: Site, color_scheme: str) -> None:
    page = await (await open_context(color_scheme=color_scheme)).new_page()
    site.send("alice", "Old", link="/", data={"a": 1})
    site.send("alice", "New", message="With a message", type="report")
    first, second = await open_live(page)
    await first.press("Old", "Mark as read")
    await eventually(second.unread, ["New"])
    await second.root.get_by_role("button", name="Unplug").click()
    assert await audit(page) == []
    await second.root.get_by_role("button", name="Plug in").click()
    await first.root.get_by_role("button", name="Preferences").click()
    await expect(first.root.get_by_role("switch", name="report")).to_be_checked()
    assert await audit(page) == []


async def test_graphiql_is_accessible(page: Page, site: Site) -> None:
    await page.goto("/graphql/")
    await expect(page.get_by_role("tab", name="List")).to_be_visible()
    assert await audit(page) == []


async def test_what_is_chosen_from_many_users_has_a_name(page: Page, site: Site) -> None:
    await sign_in(page)
    await page.goto("/admin/live_inbox/notificationpreference/add/")
    await expect(page.get_by_role("combobox", name="User:")).to_be_visible()
    await expect(page.get_by_role("textbox", name="User:")).to_have_count(1)
    await page.goto("/admin/live_inbox/notification/add/")
    await expect(page.get_by_role("searchbox", name="Recipients")).to_be_visible()


async def test_the_component_is_accessible_in_every_state(
    other_page: OtherSite, site: Site, monitor: PageMonitor
) -> None:
    page = other_page.page
    found: dict[str, list[str]] = {}

    async def check(state: str) -> None:
        found[state] = await audit(page)

    inbox = await other_page.open("show-data")
    # The page has a header of its own, as most have.
    await page.evaluate("document.body.prepend(document.createElement('header'))")
    await check("closed")
    await inbox.root.locator(".bell").click()
    await expect(inbox.root.locator(".empty")).to_be_visible()
    await check("empty")
    site.send("alice", "linked", link="/", message="Words. " * 100, data={"a": {"b": 1}})
    site.send("alice", "أهلا", type="report")
    await eventually(inbox.count, "2 unread")
    await check("open")
    await inbox.root.locator(".bell").click()
    site.send("alice", "new")
    await expect(inbox.root.locator(".badge")).to_have_text("1")
    bell = inbox.root.get_by_role("button", name="Notifications, 3 unread, 1 new", exact=True)
    await expect(bell).to_be_visible()
    await check("closed, one is new")
    await bell.click()
    await inbox.delete("new")
    await eventually(inbox.count, "2 unread")
    await inbox.items.locator("summary").click()
    await inbox.item("linked").get_by_role("button", name="Show more").click()
    await inbox.item("linked").focus()
    site.send("alice", "waiting")
    await expect(inbox.root.get_by_role("button", name="↑ 1 new")).to_be_visible()
    await check("waiting and expanded, with the keys")
    await inbox.press("linked", "Delete")
    await expect(inbox.root.locator(".bar")).to_be_visible()
    await check("undo")
    await inbox.root.get_by_role("button", name="Preferences").click()
    await expect(inbox.root.get_by_role("switch", name="report")).to_be_checked()
    await check("preferences")
    await inbox.root.get_by_role("button", name="Preferences").click()
    site.send("alice", "pressing", priority="URGENT")
    site.send("alice", "kept", priority="HIGH")
    await inbox.press("kept", "Pin")
    await expect(inbox.root.locator(".day").first).to_have_text("Pinned")
    await check("pinned, with priorities")
    await inbox.press("pressing", "Snooze")
    await expect(inbox.snooze_menu).to_be_visible()
    await check("the snooze menu")
    await page.keyboard.press("Escape")
    await inbox.take_out("pressing", "Snooze")
    for folder in ("Archive", "Snoozed"):
        await inbox.root.locator(".segments").get_by_role("button", name=folder).click()
        await expect(inbox.items).to_have_count({"Archive": 0, "Snoozed": 1}[folder])
        await check(folder)
    await inbox.root.get_by_role("button", name="All", exact=True).click()
    await inbox.choose("Type", "report")
    await inbox.press("أهلا", "Mark as read")
    await inbox.root.get_by_role("button", name="Unread", exact=True).click()
    await expect(inbox.root.locator(".empty")).to_be_visible()
    await check("nothing matches")
    await page.evaluate(
        "document.querySelector('notification-inbox').setAttribute('token', 'nonsense')"
    )
    await expect(inbox.root.locator(".signed-out")).to_be_visible()
    await check("signed out")
    await page.emulate_media(color_scheme="dark")
    await check("signed out, in the dark")
    assert found == {state: [] for state in found}
