"""The search of `<notification-inbox>`: words, conditions, and what is done to all that they find."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.pages.embedding import OtherSite
from tests.pages.site import Site
from tests.pages.test_accessibility import audit
from tests.pages.test_component_tabs import open_tab
from tests.pages.waiting import eventually

pytestmark = [pytest.mark.stack("embedded"), pytest.mark.asyncio(loop_scope="session")]


async def test_words_find_what_has_come_and_what_comes(other_page: OtherSite, site: Site) -> None:
    for title in ("Invoice 1", "Order", "Reminder"):
        site.send("alice", title, message="of your INVOICE" if title == "Reminder" else "")
    inbox = await other_page.open()
    await eventually(inbox.titles, ["Reminder", "Order", "Invoice 1"])
    search = await inbox.open_search()
    field = search.get_by_role("searchbox", name="Search")
    await expect(field).to_be_focused()
    await field.press_sequentially("invoice")
    await eventually(inbox.titles, ["Reminder", "Invoice 1"])
    await expect(search.get_by_role("status")).to_have_text("2 found")
    site.send("alice", "Another order")
    site.send("alice", "Invoice 2")
    await eventually(inbox.titles, ["Invoice 2", "Reminder", "Invoice 1"])
    await eventually(inbox.count, "5 unread")
    await field.fill("nothing like it")
    await expect(inbox.root.locator(".empty")).to_have_text("Nothing matches.")
    await expect(search.get_by_role("status")).to_have_text("0 found")
    # Ctrl Z and Escape are of the field: the panel and what was done in the list stay.
    await field.press("Control+z")
    await field.press("Escape")
    await expect(search).to_be_hidden()
    await expect(inbox.root.get_by_role("button", name="Search", exact=True)).to_be_focused()
    await eventually(inbox.titles, ["Invoice 2", "Another order", "Reminder", "Order", "Invoice 1"])


async def test_conditions_hold_together(other_page: OtherSite, site: Site) -> None:
    site.send("alice", "a report", type="report", priority="HIGH")
    site.send("alice", "an approval", type="approval")
    site.send("alice", "alarm", type="security", priority="HIGH")
    site.send("alice", "note")
    inbox = await other_page.open()
    search = await inbox.open_search()
    await expect(search.get_by_label("Category", exact=True).locator("option")).to_have_text(
        ["All categories", "Account", "Work"]
    )
    await inbox.choose("Category", "work")
    await eventually(inbox.titles, ["an approval", "a report"])
    await inbox.choose("Priority", "HIGH")
    await eventually(inbox.titles, ["a report"])
    site.send("alice", "a late report", type="report", priority="HIGH")
    site.send("alice", "a small report", type="report", priority="LOW")
    await eventually(inbox.titles, ["a late report", "a report"])
    await inbox.choose("Category", "")
    await eventually(inbox.titles, ["a late report", "alarm", "a report"])
    await inbox.press("alarm", "Pin")
    await inbox.press("alarm", "Mark as read")
    await inbox.choose("State", "onlyPinned")
    await eventually(inbox.titles, ["alarm"])
    await inbox.choose("State", "onlyRead")
    await eventually(inbox.titles, ["alarm"])
    await inbox.choose("State", "onlyNew")
    await eventually(inbox.titles, ["a late report", "a report"])
    await inbox.root.evaluate("each => each.markSeen()")
    await eventually(inbox.titles, [])
    await inbox.choose("State", "onlySeen")
    await eventually(inbox.titles, ["alarm", "a late report", "a report"])


async def test_all_that_is_found_is_archived_and_taken_back(
    other_page: OtherSite, site: Site
) -> None:
    for number in range(1, 26):
        site.send("alice", f"bill {number}")
    site.send("alice", "note")
    inbox = await other_page.open()
    search = await inbox.open_search()
    await search.get_by_role("searchbox").fill("bill")
    await expect(inbox.items).to_have_count(20)
    await expect(search.get_by_role("status")).to_have_text("20 or more found")
    await search.get_by_role("button", name="Archive all").click()
    await eventually(inbox.titles, [])
    await eventually(inbox.count, "1 unread")
    await eventually(lambda: _titles(site), ["note"])
    await expect(inbox.root.locator(".bar span")).to_have_text("All archived.")
    await inbox.root.get_by_role("button", name="Undo").click()
    await eventually(inbox.count, "26 unread")
    await expect(inbox.items).to_have_count(20)
    # There, it is where it would go.
    await inbox.root.locator(".segments").get_by_role("button", name="Archive").click()
    await expect(search.get_by_role("button", name="Archive all")).to_be_hidden()


async def test_to_delete_all_is_asked_first(other_page: OtherSite, site: Site) -> None:
    for title in ("bill 1", "note", "bill 2"):
        site.send("alice", title)
    inbox = await other_page.open()
    search = await inbox.open_search()
    await search.get_by_role("searchbox").fill("bill")
    await eventually(inbox.titles, ["bill 2", "bill 1"])
    delete = search.get_by_role("button", name="Delete all")
    await delete.press("Enter")
    question = "Delete everything in this list, also what is not on the screen?"
    dialog = inbox.root.get_by_role("alertdialog", name=question)
    await expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    await other_page.page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(delete).to_be_focused()
    await eventually(inbox.titles, ["bill 2", "bill 1"])
    await delete.press("Enter")
    await dialog.get_by_role("button", name="Delete all").press("Enter")
    await eventually(inbox.titles, [])
    await eventually(lambda: _titles(site), ["note"])
    await inbox.root.get_by_role("button", name="Undo").click()
    await eventually(inbox.titles, ["bill 2", "bill 1"])
    assert site.titles("alice") == ["bill 2", "note", "bill 1"]


@pytest.mark.parametrize("language", ["en", "de", "es", "fr", "ja", "ar"])
async def test_the_search_fits_and_is_accessible(
    other_page: OtherSite, site: Site, language: str
) -> None:
    site.send("alice", "one")
    direction = "rtl" if language == "ar" else "ltr"
    await other_page.page.set_viewport_size({"width": 320, "height": 640})
    inbox = await other_page.open("inline", html=f'lang="{language}" dir="{direction}"')
    await expect(inbox.root.locator(".panel")).to_have_attribute("lang", language)
    await inbox.root.locator('.tool[aria-expanded="false"]').first.click()
    search = inbox.root.get_by_role("search")
    await expect(search.locator("select:visible")).to_have_count(4)
    frame = await inbox.root.locator(".panel").bounding_box()
    assert frame is not None
    for part in await search.locator("input, select, button").all():
        box = await part.bounding_box()
        assert box is not None
        assert frame["x"] <= box["x"]
        assert box["x"] + box["width"] <= frame["x"] + frame["width"]
    assert await audit(other_page.page) == []
    await search.locator(".delete-all").click()
    await expect(inbox.root.locator("dialog")).to_be_visible()
    assert await audit(other_page.page) == []


async def test_the_list_is_whole_where_the_search_is_closed(
    other_page: OtherSite, site: Site
) -> None:
    for title in ("one", "two"):
        site.send("alice", title)
    asked: list[str] = []
    other_page.page.on("request", lambda request: asked.append(request.url))
    inbox = await other_page.open()
    await eventually(inbox.titles, ["two", "one"])
    assert not [address for address in asked if "notification-inbox.search" in address]
    search = await inbox.open_search()
    await search.get_by_role("searchbox").fill("one")
    await eventually(inbox.titles, ["one"])
    # The preferences cover it, and it comes back with its words.
    await inbox.root.get_by_role("button", name="Preferences").click()
    await expect(search).to_be_hidden()
    await inbox.root.get_by_role("button", name="Search", exact=True).click()
    await expect(search.get_by_role("searchbox")).to_be_focused()
    await expect(search.get_by_role("searchbox")).to_have_value("one")
    await inbox.root.evaluate("each => each.setAttribute('page-size', '5')")
    await expect(search).to_be_hidden()
    await eventually(inbox.titles, ["two", "one"])


async def test_a_tab_without_the_connection_searches_as_well(
    other_page: OtherSite, site: Site
) -> None:
    for title in ("bill 1", "note"):
        site.send("alice", title)
    first = await other_page.open('inline remember="user-1"')
    _, second = await open_tab(other_page.page.context, other_page.address)
    search = await second.open_search()
    await search.get_by_role("searchbox").fill("bill")
    await eventually(second.titles, ["bill 1"])
    site.send("alice", "bill 2")
    await eventually(second.titles, ["bill 2", "bill 1"])
    await search.get_by_role("button", name="Archive all").click()
    await eventually(first.titles, ["note"])
    await second.root.get_by_role("button", name="Undo").click()
    await eventually(first.titles, ["bill 2", "note", "bill 1"])
    await eventually(second.titles, ["bill 2", "bill 1"])


async def _titles(site: Site) -> list[str]:
    return site.titles("alice")
