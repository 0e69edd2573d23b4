"""Audits the pages with axe: no violation that it rates as serious."""

from __future__ import annotations

from functools import cache

import pytest
from playwright.async_api import Page, expect

from live_inbox_site.building import REPOSITORY
from tests.pages.conftest import Opener
from tests.pages.site import Site
from tests.pages.test_live_page import open_live
from tests.pages.waiting import eventually

pytestmark = [pytest.mark.stack("embedded"), pytest.mark.asyncio(loop_scope="session")]


@cache
def axe() -> str:
    """Return the script of axe."""
    return (REPOSITORY / "frontend" / "node_modules" / "axe-core" / "axe.min.js").read_text()


async def audit(page: Page) -> list[str]:
    """Return the violations that axe rates as serious or worse: the rule, and the element.

    One violation of GraphiQL itself is left out: its tabs contain the buttons that close them.
    """
    await page.evaluate(axe())
    found = await page.evaluate("axe.run({ resultTypes: ['violations'] })")
    return [
        f"{violation['id']}: {node['html'][:200]}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
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
