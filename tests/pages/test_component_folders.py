"""What leaves the list of `<notification-inbox>` and comes back to it, and what its badge counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import expect

from tests.pages.embedding import OtherSite
from tests.pages.site import Site
from tests.pages.waiting import eventually

pytestmark = [pytest.mark.stack("embedded"), pytest.mark.asyncio(loop_scope="session")]

FOLDER = (
    "query ($folder: NotificationFolder!) "
    "{ notifications(filter: {folder: $folder}) { nodes { id title snoozedUntil } } }"
)
EIGHT_TOMORROW = """
(moment) => {
  const tomorrow = new Date();
  tomorrow.setDate(tomorrow.getDate() + 1);
  return new Date(moment).getTime() === tomorrow.setHours(8, 0, 0, 0);
}
"""


def listed(site: Site, folder: str, identifier: str) -> list[dict[str, Any]]:
    """Return the notification as a folder has it; nothing if it is in another one."""
    nodes = site.execute("alice", FOLDER, folder=folder)["notifications"]["nodes"]
    return [node for node in nodes if node["id"] == identifier]


@pytest.mark.parametrize(
    ("button", "key", "folder"), [("Archive", "e", "ARCHIVE"), ("Snooze", "s", "SNOOZED")]
)
async def test_a_row_leaves_and_can_be_taken_back(
    other_page: OtherSite, site: Site, button: str, key: str, folder: str
) -> None:
    ids = {title: site.send("alice", title) for title in ("one", "two", "three")}
    inbox = await other_page.open()
    await inbox.press("two", button)
    await eventually(inbox.titles, ["three", "one"])
    await eventually(inbox.count, "2 unread")
    await inbox.root.get_by_role("button", name="Undo").click()
    await eventually(inbox.titles, ["three", "two", "one"])
    assert site.titles("alice") == ["three", "two", "one"]
    await inbox.item("two").focus()
    await other_page.page.keyboard.press(key)
    await expect(inbox.item("one")).to_be_focused()
    await inbox.root.locator(".bar").get_by_role("button", name="Dismiss").click()

    async def moved() -> int:
        return len(listed(site, folder, ids["two"]))

    await eventually(moved, 1)
    await eventually(inbox.titles, ["three", "one"])
    [found] = listed(site, folder, ids["two"])
    if folder == "SNOOZED":
        assert await other_page.page.evaluate(EIGHT_TOMORROW, found["snoozedUntil"])


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
