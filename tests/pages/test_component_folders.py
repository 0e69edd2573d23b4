"""What leaves the list of `<notification-inbox>` and comes back to it, and what its badge counts."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Locator, expect

from tests.pages.embedding import OtherSite
from tests.pages.inbox_view import InboxView
from tests.pages.site import Site
from tests.pages.waiting import eventually

pytestmark = [pytest.mark.stack("embedded"), pytest.mark.asyncio(loop_scope="session")]

FOLDER = (
    "query ($folder: NotificationFolder!) "
    "{ notifications(filter: {folder: $folder}) { nodes { id snoozedUntil } } }"
)


async def test_an_archived_row_leaves_and_can_be_taken_back(
    other_page: OtherSite, site: Site
) -> None:
    ids = {title: site.send("alice", title) for title in ("one", "two", "three")}
    inbox = await other_page.open()
    await inbox.press("two", "Archive")
    await eventually(inbox.titles, ["three", "one"])
    await eventually(inbox.count, "2 unread")
    await inbox.root.get_by_role("button", name="Undo").click()
    await eventually(inbox.titles, ["three", "two", "one"])
    assert site.titles("alice") == ["three", "two", "one"]
    await inbox.item("two").focus()
    await other_page.page.keyboard.press("e")
    await expect(inbox.item("one")).to_be_focused()
    await inbox.root.locator(".bar").get_by_role("button", name="Dismiss").click()

    async def archived() -> list[str]:
        nodes = site.execute("alice", FOLDER, folder="ARCHIVE")["notifications"]["nodes"]
        return [node["id"] for node in nodes]

    await eventually(archived, [ids["two"]])
    await eventually(inbox.titles, ["three", "one"])


async def test_the_list_follows_other_devices(other_page: OtherSite, site: Site) -> None:
    ids = {title: site.send("alice", title) for title in ("one", "two", "three")}
    inbox = await other_page.open()
    await eventually(inbox.titles, ["three", "two", "one"])
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()

    def run(mutation: str) -> None:
        site.execute("alice", f"mutation ($id: ID!) {{ {mutation} {{ position }} }}", id=ids["two"])

    run("archive(id: $id)")
    await eventually(inbox.titles, ["three", "one"])
    run("unarchive(id: $id)")
    await eventually(inbox.titles, ["three", "two", "one"])
    run(f'snooze(id: $id, until: "{until}")')
    await eventually(inbox.titles, ["three", "one"])
    run("unsnooze(id: $id)")
    await eventually(inbox.titles, ["two", "three", "one"])
    await eventually(inbox.count, "3 unread")
    site.send("alice", "four")
    await eventually(inbox.titles, ["four", "two", "three", "one"])


async def test_the_badge_counts_what_came_since_the_list_was_opened(
    other_page: OtherSite, site: Site
) -> None:
    for title in ("one", "two"):
        site.send("alice", title)
    inbox = await other_page.open("")
    bell, badge = inbox.root.locator(".bell"), inbox.root.locator(".badge")
    await expect(badge).to_have_text("2")
    await bell.click()
    await expect(badge).to_be_hidden()
    await eventually(inbox.unread, ["two", "one"])
    await eventually(inbox.count, "2 unread")
    counts = site.execute("alice", "{ notifications { unreadCount unseenCount } }")
    assert counts["notifications"] == {"unreadCount": 2, "unseenCount": 0}
    # What arrives while the list is open is seen as soon as it is closed.
    site.send("alice", "three")
    await expect(badge).to_have_text("1")
    await bell.click()
    await expect(badge).to_be_hidden()
    await expect(bell).to_have_accessible_name("Notifications, 3 unread")
    site.send("alice", "four")
    await expect(badge).to_have_text("1")


def folder_button(inbox: InboxView, name: str) -> Locator:
    """Return the button that shows a part of the inbox."""
    return inbox.root.locator(".segments").get_by_role("button", name=name, exact=True)


async def test_what_is_archived_is_in_a_list_of_its_own_and_can_be_moved_back(
    other_page: OtherSite, site: Site
) -> None:
    ids = {title: site.send("alice", title) for title in ("one", "two", "three")}
    inbox = await other_page.open()
    await inbox.take_out("two", "Archive")
    await folder_button(inbox, "Archive").click()
    await eventually(inbox.titles, ["two"])
    # The count is of the inbox, and so is the button that marks all as read.
    await eventually(inbox.count, "2 unread")
    await expect(inbox.root.get_by_role("button", name="Mark all as read")).to_be_hidden()
    site.execute("alice", ARCHIVE, id=ids["three"])
    await eventually(inbox.titles, ["three", "two"])
    await inbox.press("two", "Mark as read")
    await eventually(inbox.unread, ["three"])
    await eventually(inbox.count, "1 unread")
    await inbox.press("three", "Move to the inbox")
    await eventually(inbox.titles, ["two"])
    await eventually(inbox.count, "2 unread")
    await inbox.root.get_by_role("button", name="Undo").click()
    await eventually(inbox.titles, ["three", "two"])
    await eventually(inbox.count, "1 unread")
    await inbox.item("two").focus()
    await other_page.page.keyboard.press("e")
    await inbox.root.locator(".bar").get_by_role("button", name="Dismiss").click()
    await eventually(inbox.titles, ["three"])
    await folder_button(inbox, "All").click()
    await eventually(inbox.titles, ["two", "one"])
    await eventually(inbox.unread, ["one"])


@pytest.mark.parametrize(
    ("folder", "button"), [("ARCHIVE", "Snooze"), ("SNOOZED", "Archive")], ids=str.lower
)
async def test_what_is_taken_back_returns_to_the_folder_that_it_was_in(
    other_page: OtherSite, site: Site, folder: str, button: str
) -> None:
    id = site.send("alice", "one")
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    move = {"ARCHIVE": "archive(id: $id)", "SNOOZED": f'snooze(id: $id, until: "{until}")'}[folder]
    site.execute("alice", f"mutation ($id: ID!) {{ {move} {{ position }} }}", id=id)
    inbox = await other_page.open()
    name = {"ARCHIVE": "Archive", "SNOOZED": "Snoozed"}[folder]
    await folder_button(inbox, name).click()
    await eventually(inbox.titles, ["one"])
    before = site.execute("alice", FOLDER, folder=folder)
    await (inbox.snooze("one") if button == "Snooze" else inbox.press("one", button))
    await eventually(inbox.titles, [])

    async def in_folder() -> object:
        return site.execute("alice", FOLDER, folder=folder)

    await eventually(in_folder, {"notifications": {"nodes": []}})
    await inbox.root.get_by_role("button", name="Undo").click()
    await eventually(inbox.titles, ["one"])
    await eventually(in_folder, before)


async def test_the_archive_has_what_another_device_archives_at_once(
    other_page: OtherSite, site: Site
) -> None:
    ids = {title: site.send("alice", title) for title in ("one", "two", "three")}
    site.execute("alice", ARCHIVE, id=ids["three"])
    inbox = await other_page.open()
    await eventually(inbox.titles, ["two", "one"])
    await folder_button(inbox, "Archive").click()
    await eventually(inbox.titles, ["three"])
    site.execute("alice", "mutation { archiveAll { count } }")
    await eventually(inbox.titles, ["three", "two", "one"])
    await folder_button(inbox, "All").click()
    await expect(inbox.root.locator(".empty")).to_be_visible()


async def test_what_is_snoozed_says_until_when_and_can_be_returned(
    other_page: OtherSite, site: Site
) -> None:
    for title in ("one", "two"):
        site.send("alice", title)
    inbox = await other_page.open()
    await inbox.take_out("one", "Snooze")
    await folder_button(inbox, "Snoozed").click()
    await eventually(inbox.titles, ["one"])
    await expect(inbox.item("one").locator(".mark")).to_have_text(
        re.compile(r"^until \w{3} 8:00\sAM$")
    )
    await inbox.take_out("one", "Return to the inbox now")
    await expect(inbox.root.locator(".empty")).to_have_text("There is nothing here.")
    await folder_button(inbox, "All").click()
    await eventually(inbox.titles, ["one", "two"])


async def test_what_is_pinned_stands_first_however_old_it_is(
    other_page: OtherSite, site: Site
) -> None:
    old = site.send("alice", "old")
    site.send_many("alice", 25)
    site.execute("alice", PIN, id=old)
    inbox = await other_page.open()
    await eventually(first_titles(inbox), ["old", "n25", "n24"])
    await expect(inbox.root.locator(".day").first).to_have_text("Pinned")
    await inbox.press("n24", "Pin")
    await eventually(first_titles(inbox), ["n24", "old", "n25"])
    assert (await inbox.titles()).count("n24") == 1
    site.send("alice", "new")
    await eventually(first_titles(inbox), ["n24", "old", "new"])
    await inbox.item("old").focus()
    await other_page.page.keyboard.press("p")
    # Its place is further down than what was read.
    await expect(inbox.item("old")).to_have_count(0)
    await other_page.page.evaluate("document.activeElement.blur()")
    await eventually(first_titles(inbox), ["n24", "new", "n25"])
    pinned = site.execute(
        "alice", "{ notifications(filter: {pinnedOnly: true}) { nodes { title } } }"
    )
    assert pinned["notifications"]["nodes"] == [{"title": "n24"}]


def first_titles(inbox: InboxView) -> Callable[[], Awaitable[list[str]]]:
    """Return what reads the first titles of the list, as many as are expected."""

    async def read() -> list[str]:
        return (await inbox.titles())[:3]

    return read


async def test_what_matters_says_so(other_page: OtherSite, site: Site) -> None:
    for priority in ("LOW", "NORMAL", "HIGH", "URGENT"):
        site.send("alice", priority, priority=priority)
    inbox = await other_page.open()
    marks = [await inbox.item(title).locator(".mark").inner_text() for title in ("HIGH", "URGENT")]
    assert marks == ["Important", "Urgent"]
    for title in ("LOW", "NORMAL"):
        await expect(inbox.item(title).locator(".mark")).to_be_hidden()


ARCHIVE = "mutation ($id: ID!) { archive(id: $id) { position } }"
PIN = "mutation ($id: ID!) { pin(id: $id) { position } }"
