"""The menu of `<notification-inbox>` that asks until when to snooze."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from playwright.async_api import Locator, expect

from tests.pages.conftest import Opener
from tests.pages.embedding import OtherSite
from tests.pages.inbox_view import InboxView
from tests.pages.page_monitor import PageMonitor
from tests.pages.site import Site
from tests.pages.waiting import eventually

pytestmark = [pytest.mark.stack("embedded"), pytest.mark.asyncio(loop_scope="session")]

SNOOZED = (
    "{ notifications(filter: {folder: SNOOZED}) { nodes { title snoozedUntil } snoozedCount } }"
)
LOCAL_TIME = """
(moment) => {
  const local = new Date(moment);
  const days = new Date(local).setHours(0, 0, 0, 0) - new Date().setHours(0, 0, 0, 0);
  return [Math.round(days / 86_400_000), local.getHours(), local.getMinutes()];
}
"""


def snoozed(site: Site) -> list[dict[str, Any]]:
    """Return what is snoozed, with its end."""
    found: list[dict[str, Any]] = site.execute("alice", SNOOZED)["notifications"]["nodes"]
    return found


def choices(inbox: InboxView) -> Locator:
    """Return the times that the menu offers."""
    return inbox.snooze_menu.locator(".preset")


async def eventually_snoozed(site: Site, title: str) -> datetime:
    """Wait until the server has snoozed this notification and no other, and return until when."""

    async def titles() -> list[str]:
        return [node["title"] for node in snoozed(site)]

    await eventually(titles, [title])
    return datetime.fromisoformat(snoozed(site)[0]["snoozedUntil"])


async def test_a_time_is_chosen_and_can_be_taken_back(other_page: OtherSite, site: Site) -> None:
    for title in ("one", "two", "three"):
        site.send("alice", title)
    inbox = await other_page.open()
    await inbox.snooze("two", "Tomorrow morning")
    await eventually(inbox.titles, ["three", "one"])
    await eventually(inbox.count, "2 unread")
    await expect(inbox.snooze_menu).to_have_count(0)
    until = await eventually_snoozed(site, "two")
    assert await other_page.page.evaluate(LOCAL_TIME, until.isoformat()) == [1, 8, 0]
    bar = inbox.root.locator(".bar")
    await expect(bar).to_contain_text("Snoozed until")
    await expect(bar).to_contain_text("8:00")
    await bar.get_by_role("button", name="Undo").click()
    await eventually(inbox.titles, ["three", "two", "one"])
    assert site.titles("alice") == ["three", "two", "one"]


async def test_keys_open_the_menu_choose_and_leave_it(other_page: OtherSite, site: Site) -> None:
    for title in ("one", "two", "three"):
        site.send("alice", title)
    inbox = await other_page.open("")
    keyboard = other_page.page.keyboard
    await inbox.root.locator(".bell").click()
    await inbox.item("two").focus()
    await keyboard.press("s")
    await expect(choices(inbox).first).to_be_focused()
    # Escape closes the menu, and not the panel below it.
    await keyboard.press("Escape")
    await expect(inbox.snooze_menu).to_have_count(0)
    await expect(inbox.item("two")).to_be_focused()
    await keyboard.press("s")
    await expect(choices(inbox).first).to_be_focused()
    await keyboard.press("End")
    field = inbox.snooze_menu.get_by_label("Pick a date and time")
    await expect(field).to_be_focused()
    await field.press("Shift+Tab")
    await expect(choices(inbox).last).to_be_focused()
    await keyboard.press("Home")
    await keyboard.press("ArrowUp")
    await expect(choices(inbox).first).to_be_focused()
    await keyboard.press("ArrowDown")
    await expect(choices(inbox).nth(1)).to_be_focused()
    await keyboard.press("ArrowUp")
    await keyboard.press("Enter")
    await eventually(inbox.titles, ["three", "one"])
    await expect(inbox.item("one")).to_be_focused()
    assert await eventually_snoozed(site, "two") > datetime.now().astimezone()


async def test_times_are_of_the_language_and_the_time_zone(
    open_context: Opener, other_page: OtherSite, site: Site
) -> None:
    site.send("alice", "one")
    context = await open_context(timezone_id="Asia/Kathmandu", locale="de")
    other_page.page = page = await context.new_page()
    inbox = other_page.inbox = InboxView(page.locator("notification-inbox"))
    await other_page.open("inline", html='lang="de"')
    # Half past three in the afternoon, on a Thursday.
    await page.clock.set_fixed_time("2026-01-15T09:45:00Z")
    await inbox.press("one", "Zurückstellen")
    times = ("In einer Stunde 16:30", "Heute Abend 18:00", "Morgen früh Fr., 08:00")
    await expect(inbox.root.locator(".preset")).to_have_text([*times, "Nächste Woche Mo., 08:00"])
    field = inbox.root.get_by_label("Datum und Uhrzeit wählen")
    assert [await field.get_attribute(name) for name in ("min", "max")] == [
        "2026-01-15T15:31",
        "2027-01-16T15:30",
    ]
    await expect(field).to_have_value("2026-01-16T08:00")


async def test_any_moment_within_the_limits_can_be_picked(
    other_page: OtherSite, site: Site
) -> None:
    site.send("alice", "one")
    inbox = await other_page.open()
    await inbox.press("one", "Snooze")
    field = inbox.snooze_menu.get_by_label("Pick a date and time")
    for impossible, problem in (
        ("2020-01-01T00:00", "rangeUnderflow"),
        ("2999-01-01T00:00", "rangeOverflow"),
        ("", "valueMissing"),
    ):
        await field.fill(impossible)
        await inbox.snooze_menu.get_by_role("button", name="Snooze").click()
        assert await field.evaluate("(field, name) => field.validity[name]", problem)
        await expect(inbox.snooze_menu).to_be_visible()
    assert snoozed(site) == []
    wanted = await other_page.page.evaluate(
        "new Date(Date.now() + 40 * 86_400_000 - new Date().getTimezoneOffset() * 60_000)"
        ".toISOString().slice(0, 16)"
    )
    await field.fill(wanted)
    await field.press("Enter")
    await eventually(inbox.titles, [])
    until = await eventually_snoozed(site, "one")
    expected = await other_page.page.evaluate("(text) => new Date(text).getTime()", wanted)
    assert until.timestamp() * 1000 == expected


async def test_what_the_server_refuses_is_said_and_the_row_returns(
    other_page: OtherSite, site: Site
) -> None:
    site.send("alice", "one")
    inbox = await other_page.open()
    # The clock of this device is slow.
    await other_page.page.clock.set_fixed_time("2020-01-15T12:00:00Z")
    await inbox.snooze("one")
    await expect(inbox.root.get_by_role("alert")).to_contain_text("until must be later than now.")
    await eventually(inbox.titles, ["one"])
    assert snoozed(site) == []


async def test_a_page_has_choices_of_its_own(
    other_page: OtherSite, site: Site, monitor: PageMonitor
) -> None:
    site.send("alice", "one")
    script = """
      const inbox = document.querySelector("notification-inbox");
      const later = (now, days) => new Date(now.getTime() + days * 86_400_000);
      inbox.snoozePresets = (now) => [
        { label: "Never", until: later(now, 400) },
        { label: "<b>Two</b> days", until: later(now, 2) },
        { label: "Yesterday", until: later(now, -1) },
        { label: "Nonsense", until: new Date("nonsense") },
      ];
    """
    inbox = await other_page.open("inline", script)
    await inbox.press("one", "Snooze")
    await expect(choices(inbox)).to_have_count(1)
    await expect(choices(inbox).locator("bdi")).to_have_text("<b>Two</b> days")
    await other_page.page.keyboard.press("Escape")
    await other_page.page.evaluate(
        "() => { document.querySelector('notification-inbox').snoozePresets = () => { throw new Error('no'); } }"
    )
    await inbox.snooze("one", "In one hour")
    await eventually_snoozed(site, "one")
    [problem] = monitor.console
    assert "snoozePresets failed" in problem
    monitor.console.clear()


async def test_nothing_moves_while_the_menu_is_open(other_page: OtherSite, site: Site) -> None:
    for title in ("one", "two"):
        site.send("alice", title)
    inbox = await other_page.open()
    await inbox.press("one", "Snooze")
    await expect(inbox.snooze_menu).to_be_visible()
    place = await inbox.item("one").bounding_box()
    site.send("alice", "three")
    await expect(inbox.root.locator(".new-above")).to_have_text("↑ 1 new")
    assert await inbox.item("one").bounding_box() == place
    # A click beside the menu closes it.
    await other_page.page.mouse.click(2, 2)
    await expect(inbox.snooze_menu).to_have_count(0)
    await eventually(inbox.titles, ["three", "two", "one"])
    assert snoozed(site) == []


async def test_a_panel_that_closes_takes_the_menu_with_it(
    other_page: OtherSite, site: Site
) -> None:
    site.send("alice", "one")
    inbox = await other_page.open("")
    bell = inbox.root.locator(".bell")
    await bell.click()
    await inbox.press("one", "Snooze")
    await expect(inbox.snooze_menu).to_be_visible()
    await other_page.page.evaluate("document.querySelector('notification-inbox').open = false")
    # An open dialog would keep the page from being used.
    await bell.click()
    await expect(inbox.item("one")).to_be_visible()
    await expect(inbox.snooze_menu).to_have_count(0)
    await inbox.snooze("one")
    await eventually_snoozed(site, "one")


async def test_it_is_a_sheet_on_phones(
    open_context: Opener, other_page: OtherSite, site: Site
) -> None:
    site.send("alice", "one", message="Words " * 30)
    context = await open_context(
        viewport={"width": 390, "height": 700}, has_touch=True, is_mobile=True
    )
    other_page.page = page = await context.new_page()
    inbox = other_page.inbox = InboxView(page.locator("notification-inbox"))
    await other_page.open("")
    await inbox.root.locator(".bell").tap()
    await inbox.item("one").get_by_role("button", name="Snooze").tap()
    box = await inbox.snooze_menu.bounding_box()
    assert box is not None
    assert (box["x"], box["width"], box["y"] + box["height"]) == (0, 390, 700)
    for control in await inbox.snooze_menu.locator("button, input").all():
        inner = await control.bounding_box()
        assert inner is not None
        assert inner["x"] >= 0
        assert inner["x"] + inner["width"] <= 390
        assert inner["height"] >= 36
    await choices(inbox).last.tap()
    await eventually(inbox.titles, [])
    await eventually_snoozed(site, "one")


async def test_without_its_script_it_is_tomorrow_morning(other_page: OtherSite, site: Site) -> None:
    site.send("alice", "one")
    await other_page.page.route("**/notification-inbox.snooze*", lambda route: route.abort())
    inbox = await other_page.open()
    await inbox.press("one", "Snooze")
    await eventually(inbox.titles, [])
    until = await eventually_snoozed(site, "one")
    assert await other_page.page.evaluate(LOCAL_TIME, until.isoformat()) == [1, 8, 0]
    await expect(inbox.root.locator(".bar")).to_contain_text("8:00")
