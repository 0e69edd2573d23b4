"""What an event costs and moves in the list of `<notification-inbox>`: counted, not timed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import expect

from tests.pages.conftest import Opener
from tests.pages.embedding import OtherSite
from tests.pages.inbox_view import InboxView
from tests.pages.site import Site
from tests.pages.waiting import eventually

pytestmark = [pytest.mark.stack("embedded"), pytest.mark.asyncio(loop_scope="session")]

WATCH = """
  const root = document.querySelector("notification-inbox").shadowRoot;
  window.touched = new Set();
  window.work = 0;
  new MutationObserver((records) => {
    for (const { target, addedNodes, removedNodes } of records) {
      window.work += 1;
      const nodes = [target, ...addedNodes, ...removedNodes];
      for (const node of nodes) {
        const row = (node instanceof Element ? node : node.parentElement)?.closest("article");
        if (row) window.touched.add(row);
      }
    }
  }).observe(root.querySelector(".feed"), {
    subtree: true, childList: true, attributes: true, characterData: true,
  });
"""
COUNTS = "[window.touched.size, document.querySelector('notification-inbox').unreadCount]"


async def test_an_event_touches_one_row(other_page: OtherSite, site: Site) -> None:
    ids = [site.send("alice", f"n{number}") for number in range(1, 13)]
    inbox = await other_page.open()
    await eventually(inbox.titles, [f"n{number}" for number in range(12, 0, -1)])
    changes: list[Callable[[], object]] = [
        lambda: site.send("alice", "another"),
        lambda: site.execute("alice", MARK_READ, id=ids[5]),
        lambda: site.execute("alice", DELETE, id=ids[3]),
    ]
    for change, unread in zip(changes, (13, 12, 11), strict=True):
        await other_page.page.evaluate(WATCH)
        change()
        await eventually(inbox.count, f"{unread} unread")
        assert await other_page.page.evaluate(COUNTS) == [1, unread]


async def test_the_buttons_take_nothing_of_the_message(other_page: OtherSite, site: Site) -> None:
    site.send("alice", "A title", message="Words " * 20)
    item = (await other_page.open()).item("A title")
    title, message, time, last = [
        await item.locator(part).bounding_box()
        for part in ("h3", ".message", ".meta", ".actions .tool:last-child")
    ]
    assert title
    assert message
    assert time
    assert last
    assert message["width"] == time["width"] > title["width"]
    assert last["x"] + last["width"] >= message["x"] + message["width"]
    # In height, they are as a title of one line.
    assert message["y"] - title["y"] < 25


MARK_READ = "mutation ($id: ID!) { markRead(id: $id) { position } }"
DELETE = "mutation ($id: ID!) { delete(id: $id) { position } }"


async def test_a_burst_is_rendered_frame_by_frame_and_only_near_what_is_seen(
    other_page: OtherSite, site: Site
) -> None:
    """An open list of a popup, in which hundreds arrive, has few rows in the document."""
    inbox = await other_page.open("")
    await inbox.root.get_by_role("button").first.click()
    await other_page.page.evaluate(WATCH)
    site.send_many("alice", 300)
    await eventually(inbox.count, "300 unread")
    assert await inbox.items.count() < 100
    assert (await inbox.titles())[:3] == ["n300", "n299", "n298"]
    await inbox.root.locator(".scroll").evaluate("each => { each.scrollTop = each.scrollHeight }")
    await expect(inbox.item("n1").first).to_be_visible()
    assert await inbox.items.count() < 100
    assert "n300" not in await inbox.titles()


async def test_the_list_stays_short_while_nobody_reads_on(
    other_page: OtherSite, site: Site
) -> None:
    inbox = await other_page.open()
    site.send_many("alice", 1_100)
    await eventually(inbox.count, "1,100 unread")
    length = "document.querySelector('notification-inbox').shadowRoot.querySelector('.more').hidden"
    # It was read anew from its newest page: there is more to show than what arrived last.
    await eventually(lambda: other_page.page.evaluate(length), False)
    assert (await inbox.titles())[0] == "n1100"


async def test_a_click_and_the_focus_survive_arrivals(other_page: OtherSite, site: Site) -> None:
    site.send("alice", "with a link", link="/there")
    inbox = await other_page.open("inline", CANCEL_OPENING)
    link = inbox.items.locator("a")
    await link.hover()
    page = other_page.page
    await page.mouse.down()
    for number in range(3):
        site.send("alice", f"n{number}")
    await eventually(inbox.count, "4 unread")
    await page.mouse.up()
    assert await page.evaluate("window.opened") == ["with a link"]
    await inbox.item("with a link").focus()
    site.send("alice", "another")
    await eventually(inbox.count, "4 unread")
    await expect(inbox.item("with a link")).to_be_focused()


CANCEL_OPENING = """
window.opened = [];
document.addEventListener("notification-open", (event) => {
  event.preventDefault();
  window.opened.push(event.detail.notification.title);
});
"""


@pytest.mark.parametrize("by", ["pointer", "focus"])
async def test_nothing_moves_under_pointer_or_focus(
    other_page: OtherSite, site: Site, by: str
) -> None:
    page = other_page.page
    first = site.send("alice", "one")
    for title in ("two", "three"):
        site.send("alice", title)
    inbox = await other_page.open()
    if by == "pointer":
        await inbox.item("two").hover()
    else:
        await inbox.item("two").focus()
    place = await inbox.item("two").bounding_box()
    for title in ("four", "five", "six"):
        site.send("alice", title)
    site.execute("alice", DELETE, id=first)
    await eventually(inbox.count, "5 unread")
    waiting = inbox.root.get_by_role("button", name="↑ 3 new")
    await expect(waiting).to_be_visible()
    # What another device has deleted, or moved, keeps its place as well, and says so.
    await expect(inbox.item("one")).to_contain_text("No longer in this list")
    assert await inbox.titles() == ["three", "two", "one"]
    assert await inbox.item("two").bounding_box() == place
    await waiting.click()
    await eventually(inbox.titles, ["six", "five", "four", "three", "two"])
    await expect(waiting).to_be_hidden()
    await page.mouse.move(0, 0)
    await page.evaluate("document.activeElement.blur()")
    site.send("alice", "seven")
    await eventually(inbox.titles, ["seven", "six", "five", "four", "three", "two"])


async def test_a_deletion_can_be_taken_back(other_page: OtherSite, site: Site) -> None:
    for title in ("one", "two", "three"):
        site.send("alice", title)
    inbox = await other_page.open()
    await inbox.press("two", "Delete")
    await eventually(inbox.titles, ["three", "one"])
    await eventually(inbox.count, "2 unread")
    # It does not wait for a change of mind: other devices see it at once.
    await eventually(stored(site), ["three", "one"])
    await inbox.root.get_by_role("button", name="Undo").click()
    await eventually(inbox.titles, ["three", "two", "one"])
    await eventually(stored(site), ["three", "two", "one"])
    await inbox.item("three").focus()
    await other_page.page.keyboard.press("Delete")
    await expect(inbox.item("two")).to_be_focused()
    await other_page.page.keyboard.press("Control+z")
    await eventually(inbox.titles, ["three", "two", "one"])
    await eventually(stored(site), ["three", "two", "one"])


async def test_what_was_not_sent_yet_is_undone_at_once(other_page: OtherSite, site: Site) -> None:
    """Without a connection, nobody waits to see a change undone; with one again, it is undone everywhere."""
    for title in ("one", "two", "three"):
        site.send("alice", title)
    inbox = await other_page.open()
    site.server.kill()
    await expect(inbox.status).to_have_attribute("data-state", "reconnecting")
    await inbox.press("two", "Delete")
    await eventually(inbox.titles, ["three", "one"])
    await inbox.root.get_by_role("button", name="Undo").click()
    await eventually(inbox.titles, ["three", "two", "one"])
    site.server.start()
    await expect(inbox.status).to_have_attribute("data-state", "live")
    await eventually(inbox.titles, ["three", "two", "one"])
    await eventually(stored(site), ["three", "two", "one"])


async def test_the_focus_stays_in_the_list_when_its_row_leaves(
    other_page: OtherSite, site: Site
) -> None:
    for title in ("one", "two", "three"):
        site.send("alice", title)
    inbox = await other_page.open()
    await inbox.root.get_by_role("button", name="Unread", exact=True).click()
    await inbox.item("two").focus()
    for left, focused in (("three one", "one"), ("three", "three"), ("", None)):
        await other_page.page.keyboard.press("r")
        await eventually(inbox.titles, left.split())
        if focused is not None:
            await expect(inbox.item(focused)).to_be_focused()
    await expect(inbox.root.locator(".panel")).to_be_focused()


@pytest.mark.parametrize("attributes", ["", "inline"], ids=["panel", "page"])
async def test_what_is_read_further_down_does_not_move(
    other_page: OtherSite, site: Site, attributes: str
) -> None:
    """Whether the list scrolls by itself or with the page, and wherever the pointer is."""
    site.send_many("alice", 20)
    inbox = await other_page.open(attributes)
    if not attributes:
        await inbox.root.locator(".bell").click()
    row = inbox.items.filter(has_text="n5")
    await row.evaluate("each => each.scrollIntoView({ block: 'center' })")
    await other_page.page.mouse.move(0, 0)
    place = await row.bounding_box()
    assert place is not None
    for number in range(4):
        site.send("alice", f"later {number}")
    await eventually(inbox.count, "24 unread")
    await eventually(lambda: inbox.root.get_by_text("later 3").count(), 1)
    found = await row.bounding_box()
    assert found is not None
    assert abs(found["y"] - place["y"]) < 2
    if not attributes:
        # What has come above is announced where it can be seen.
        await inbox.root.get_by_role("button", name="↑ 4 new").click()
        await expect(inbox.item("later 3")).to_be_in_viewport()
        await expect(inbox.root.locator(".new-above")).to_be_hidden()


async def test_mark_all_as_read_respects_the_filter(other_page: OtherSite, site: Site) -> None:
    for number in range(1, 31):
        site.send("alice", f"bill {number}", type="billing")
    site.send("alice", "a report", type="report")
    inbox = await other_page.open()
    await inbox.choose("Type", "billing")
    button = inbox.root.get_by_role("button", name="Mark all of “billing” as read")
    await button.click()
    await eventually(inbox.unread, [])
    # Not how many: most of them may be further down.
    await expect(inbox.root.locator(".bar span")).to_have_text("billing · all read")
    undo = inbox.root.get_by_role("button", name="Undo")
    await undo.click()
    await expect(inbox.root.locator("article[data-unread]")).to_have_count(20)
    await button.click()
    await inbox.root.locator(".bar").get_by_role("button", name="Dismiss").click()

    async def unread() -> list[str]:
        found = site.execute(
            "alice", "{ notifications(first: 100, filter: {read: false}) { nodes { title } } }"
        )
        return [each["title"] for each in found["notifications"]["nodes"]]

    await eventually(unread, ["a report"])
    await eventually(inbox.count, "1 unread")


async def test_a_click_at_the_end_of_the_list_counts_after_the_keyboard_was_used(
    other_page: OtherSite, site: Site
) -> None:
    for number in range(1, 16):
        site.send("alice", f"row {number:02}")
    inbox = await other_page.open()
    await inbox.item("row 15").press("s")
    await inbox.snooze_menu.get_by_role("button", name="In one hour").press("Escape")
    await expect(inbox.item("row 15")).to_be_focused()
    # It is the last one. The keys disappear as soon as the button takes the focus.
    await inbox.press("row 01", "Delete")
    await expect(inbox.root.locator(".bar span")).to_have_text("Deleted.")


async def test_the_focus_stays_in_the_panel_when_its_buttons_are_used_by_keyboard(
    other_page: OtherSite, site: Site
) -> None:
    for title in ("one", "two"):
        site.send("alice", title)
    inbox = await other_page.open()
    keyboard, bar = other_page.page.keyboard, inbox.root.locator(".bar")
    mark_all = inbox.root.get_by_role("button", name="Mark all as read")
    await mark_all.press("Enter")
    await eventually(inbox.count, "all read")
    await expect(mark_all).to_be_focused()
    await expect(mark_all).to_be_disabled()
    await keyboard.press("Enter")
    await keyboard.press("Control+z")
    await eventually(inbox.unread, ["two", "one"])
    await expect(mark_all).to_be_enabled()
    panel = inbox.root.locator(".panel")
    for button, titles in (("Undo", ["two", "one"]), ("Dismiss", ["one"])):
        await inbox.item("two").press("e")
        await eventually(inbox.titles, ["one"])
        await bar.get_by_role("button", name=button).press("Enter")
        await expect(bar).to_be_hidden()
        await expect(panel).to_be_focused()
        await eventually(inbox.titles, titles)


async def test_mark_all_as_read_leaves_what_arrives_meanwhile(
    other_page: OtherSite, site: Site
) -> None:
    for title in ("one", "two"):
        site.send("alice", title)
    inbox = await other_page.open()
    await inbox.root.get_by_role("button", name="Mark all as read").click()
    await eventually(inbox.count, "all read")
    site.send("alice", "three")
    await eventually(inbox.count, "1 unread")
    await inbox.root.locator(".bar").get_by_role("button", name="Dismiss").click()
    await expect(inbox.root.locator(".bar")).to_be_hidden()
    await eventually(inbox.unread, ["three"])

    async def unread() -> int:
        return int(
            site.execute("alice", "{ notifications { unreadCount } }")["notifications"][
                "unreadCount"
            ]
        )

    await eventually(unread, 1)


async def test_nothing_moves_under_a_finger(
    open_context: Opener, other_page: OtherSite, site: Site
) -> None:
    for title in ("one", "two"):
        site.send("alice", title)
    await other_page.open()
    context = await open_context(
        viewport={"width": 390, "height": 740}, has_touch=True, is_mobile=True
    )
    page = await context.new_page()
    await page.goto(other_page.address)
    inbox = InboxView(page.locator("notification-inbox"))
    await eventually(inbox.titles, ["two", "one"])
    place = await inbox.item("one").bounding_box()
    assert place is not None
    point = {"x": place["x"] + 60, "y": place["y"] + 20}
    session = await context.new_cdp_session(page)
    touch = "Input.dispatchTouchEvent"
    await session.send(touch, {"type": "touchStart", "touchPoints": [point]})
    site.send("alice", "three")
    await eventually(inbox.count, "3 unread")
    await expect(inbox.root.get_by_role("button", name="↑ 1 new")).to_be_visible()
    assert await inbox.item("one").bounding_box() == place
    await session.send(touch, {"type": "touchEnd", "touchPoints": []})
    await eventually(inbox.titles, ["three", "two", "one"])


def stored(site: Site) -> Callable[[], Awaitable[list[str]]]:
    """Return what reads the titles that the server has in Alice's inbox."""

    async def titles() -> list[str]:
        return site.titles("alice")

    return titles
