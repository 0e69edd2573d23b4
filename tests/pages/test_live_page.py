"""The live inbox page, in a real browser, on a real server."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, Page, Request, expect

from tests.pages.conftest import Opener
from tests.pages.inbox_view import InboxView
from tests.pages.page_monitor import PageMonitor
from tests.pages.site import Site
from tests.pages.waiting import eventually

pytestmark = [pytest.mark.stack("embedded"), pytest.mark.asyncio(loop_scope="session")]

Inboxes = tuple[InboxView, InboxView]


async def open_live(page: Page, *, show: str | None = None, query: str = "") -> Inboxes:
    """Open the page and return the inboxes of its two devices once they are live."""
    await page.goto(f"/{query}")
    if show is not None:
        await page.get_by_role("button", name=show).click()
    return await both_live(page)


async def both_live(page: Page) -> Inboxes:
    """Return the inboxes of the page's two devices once they are live."""
    devices = page.locator(".device")
    await expect(devices).to_have_count(2)
    first, second = InboxView(devices.nth(0)), InboxView(devices.nth(1))
    for inbox in (first, second):
        await expect(inbox.status).to_have_attribute("data-state", "live")
    return first, second


async def send_with_form(page: Page, title: str, *, to: str = "Alice") -> None:
    """Fill in the form and submit it."""
    form = page.locator("#send-form")
    await form.locator("[name=to]").select_option(to)
    await form.locator("[name=title]").fill(title)
    await form.get_by_role("button", name="Send", exact=True).click()


async def test_the_page_runs_once_in_every_language(open_context: Opener, site: Site) -> None:
    page = await (await open_context(locale="de")).new_page()
    requests: list[Request] = []

    def note(made: Request) -> None:
        requests.append(made)

    page.on("request", note)
    site.send("alice", "one")
    first, _ = await open_live(page)
    # The scripts of the component's languages are beside its own script, and not beside that of this page.
    await expect(first.root.locator(".count")).to_have_text("1 unread")
    assert len([each for each in requests if each.resource_type == "script"]) == 1


async def test_what_the_form_sends_appears_on_both_devices(page: Page, site: Site) -> None:
    first, second = await open_live(page)
    await send_with_form(page, "Hello")
    await eventually(first.titles, ["Hello"])
    await eventually(second.titles, ["Hello"])
    await eventually(first.count, "1 unread")
    await expect(page.locator("#send-form output")).to_have_text("Sent.")
    assert site.titles("alice") == ["Hello"]


@pytest.mark.parametrize("show", ["one user, two devices", "one user, two protocols"])
async def test_a_change_on_one_device_shows_on_the_other(page: Page, site: Site, show: str) -> None:
    for title in ("one", "two", "three"):
        site.send("alice", title)
    first, second = await open_live(page, show=show)
    for acting, other in ((first, second), (second, first)):
        await eventually(other.unread, ["three", "two", "one"])
        await acting.press("two", "Mark as read")
        await eventually(other.unread, ["three", "one"])
        await acting.press("two", "Mark as unread")
        await eventually(other.unread, ["three", "two", "one"])
        await acting.root.get_by_role("button", name="Mark all as read").click()
        await eventually(other.count, "all read")
        await eventually(other.unread, [])
        for title in ("one", "two", "three"):
            await other.press(title, "Mark as unread")
    await first.delete("two")
    for inbox in (first, second):
        await eventually(inbox.titles, ["three", "one"])
        await eventually(inbox.count, "2 unread")


async def test_what_the_server_cannot_undo_is_not_offered(page: Page, site: Site) -> None:
    """`mark_all_read` of the original protocol has no way back."""
    site.send("alice", "one")
    _, second = await open_live(page, show="one user, two protocols")
    bar = second.root.locator(".bar")
    await second.root.get_by_role("button", name="Mark all as read").click()
    await eventually(second.unread, [])
    await expect(bar).to_be_hidden()
    await second.press("one", "Delete")
    await eventually(second.titles, [])
    await bar.get_by_role("button", name="Undo").click()
    await eventually(second.titles, ["one"])


async def test_partial_mark_all_read_shows_over_both_protocols(page: Page, site: Site) -> None:
    first, second = await open_live(page, show="one user, two protocols")
    site.send("alice", "one")
    page_of_one = site.execute("alice", "{ notifications(first: 1) { position } }")
    site.send("alice", "two")
    for inbox in (first, second):
        await eventually(inbox.unread, ["two", "one"])
    document = "mutation ($upTo: String) { markAllRead(upTo: $upTo) { count } }"
    site.execute("alice", document, upTo=page_of_one["notifications"]["position"])
    for inbox in (first, second):
        await eventually(inbox.unread, ["two"])
        await eventually(inbox.count, "1 unread")


async def test_folders_show_over_both_protocols(page: Page, site: Site) -> None:
    ids = {title: site.send("alice", title) for title in ("one", "two", "three")}
    first, second = both = await open_live(page, show="one user, two protocols")

    async def all_show(*titles: str) -> None:
        for inbox in both:
            await eventually(inbox.titles, list(titles))
            await eventually(inbox.count, f"{len(titles)} unread")

    await all_show("three", "two", "one")
    for acting in both:
        await acting.take_out("two", "Archive")
        await all_show("three", "one")
        site.execute(
            "alice", "mutation ($id: ID!) { unarchive(id: $id) { position } }", id=ids["two"]
        )
        await all_show("three", "two", "one")
    order = ["three", "two", "one"]
    for acting, title in zip(both, ("one", "two"), strict=True):
        order.remove(title)
        await acting.take_out(title, "Snooze")
        await all_show(*order)
        site.execute(
            "alice", "mutation ($id: ID!) { unsnooze(id: $id) { position } }", id=ids[title]
        )
        order.insert(0, title)
        await all_show(*order)
    # It keeps its place when it is marked, and what is new comes above it.
    await first.press("two", "Mark as read")
    await eventually(second.unread, ["one", "three"])
    await second.press("two", "Mark as unread")
    site.send("alice", "four")
    await all_show("four", *order)


async def test_two_users_see_their_own_inboxes(page: Page, site: Site) -> None:
    first, second = await open_live(page, show="two users")
    await send_with_form(page, "For Alice")
    await eventually(first.titles, ["For Alice"])
    await send_with_form(page, "For Bob", to="Bob")
    await eventually(second.titles, ["For Bob"])
    assert await first.titles() == ["For Alice"]


async def test_two_browsers_of_one_user_stay_in_step(open_context: Opener, site: Site) -> None:
    pages = [await (await open_context()).new_page() for _ in range(2)]
    (here, _), (there, _) = [await open_live(page) for page in pages]
    await send_with_form(pages[0], "Hello")
    await eventually(there.titles, ["Hello"])
    await there.press("Hello", "Mark as read")
    await eventually(here.count, "all read")
    await here.delete("Hello")
    await eventually(there.titles, [])


async def test_an_unplugged_device_catches_up_with_what_it_missed(page: Page, site: Site) -> None:
    first, second = await open_live(page)
    site.send("alice", "before")
    await eventually(second.titles, ["before"])
    await second.root.get_by_role("button", name="Unplug").click()
    await expect(second.status).to_have_attribute("data-state", "reconnecting")
    for title in ("1", "2", "3"):
        site.send("alice", title)
    await first.delete("before")
    await eventually(first.titles, ["3", "2", "1"])
    assert await second.titles() == ["before"]
    await second.root.get_by_role("button", name="Plug in").click()
    await expect(second.status).to_have_text("Caught up: 4 changes")
    assert await second.titles() == ["3", "2", "1"]
    assert await second.count() == "3 unread"


async def test_a_page_that_was_closed_resumes_without_loading_the_list(
    open_context: Opener, site: Site, monitor: PageMonitor
) -> None:
    context = await open_context()
    page = await context.new_page()
    site.send("alice", "before")
    first, _ = await open_live(page)
    await eventually(first.titles, ["before"])
    await page.close(run_before_unload=True)
    await eventually(lambda: _page_count(context), 0)
    site.send("alice", "while it was closed")
    monitor.frames.clear()
    first, _ = await open_live(await context.new_page())
    await expect(first.status).to_have_text("Caught up: 1 change")
    assert await first.titles() == ["while it was closed", "before"]
    assert [frame for frame in monitor.frames if "InboxPage" in frame] == []


async def _page_count(context: BrowserContext) -> int:
    return len(context.pages)


async def test_devices_reconnect_to_a_restarted_server(page: Page, site: Site) -> None:
    first, second = await open_live(page, show="one user, two protocols")
    site.send("alice", "before")
    await eventually(first.titles, ["before"])
    site.server.kill()
    await expect(first.status).to_have_attribute("data-state", "reconnecting")
    site.send_from_other_process("alice", "while it was down")
    site.server.start()
    await expect(first.status).to_have_text("Caught up: 1 change")
    await expect(second.status).to_have_text("Live · list reloaded")
    for inbox in (first, second):
        assert await inbox.titles() == ["while it was down", "before"]


async def test_a_page_renews_expired_tokens(page: Page, site: Site, monitor: PageMonitor) -> None:
    first, second = await open_live(page, show="one user, two protocols", query="?token-seconds=2")

    async def has_renewed() -> bool:
        return sum("/demo-token" in url for url in monitor.requests) > fetched + 2

    fetched = sum("/demo-token" in url for url in monitor.requests)
    site.send("alice", "first")
    await eventually(first.titles, ["first"])
    await eventually(has_renewed, True)
    site.send("alice", "second")
    for inbox in (first, second):
        await eventually(inbox.titles, ["second", "first"])
        await expect(inbox.status).to_have_attribute("data-state", "live")


async def test_the_list_is_paged_and_filtered(page: Page, site: Site) -> None:
    for number in range(1, 46):
        site.send("alice", f"n{number}", type="report" if number % 15 == 0 else "general")
    first, _ = await open_live(page)
    every = [f"n{number}" for number in range(45, 0, -1)]
    await eventually(first.titles, every[:20])
    older = first.root.get_by_role("button", name="Show older")
    # Not by the mouse: it would be scrolled to first, and a list that is scrolled to its end goes on by itself.
    await older.dispatch_event("click")
    await eventually(first.titles, every[:40])
    await older.dispatch_event("click")
    await eventually(first.titles, every)
    await expect(older).to_be_hidden()
    await first.choose("Type", "report")
    await eventually(first.titles, ["n45", "n30", "n15"])
    await first.press("n30", "Mark as read")
    await first.root.get_by_role("button", name="Unread", exact=True).click()
    await eventually(first.titles, ["n45", "n15"])
    site.send("alice", "not a report")
    site.send("alice", "one more", type="report")
    await eventually(first.titles, ["one more", "n45", "n15"])
    await first.root.get_by_role("button", name="All", exact=True).click()
    await first.choose("Type", "")
    await eventually(first.titles, ["one more", "not a report", *every[:18]])


async def test_types_that_are_turned_off_do_not_arrive(page: Page, site: Site) -> None:
    site.send("alice", "a report", type="report")
    first, _ = await open_live(page)
    await first.root.get_by_role("button", name="Preferences").click()
    await first.root.get_by_role("switch", name="Reports").uncheck()
    await eventually(lambda: _is_on(site, "report"), False)
    await first.root.get_by_role("button", name="Preferences").click()
    await page.locator("#send-form [name=type]").fill("report")
    await send_with_form(page, "Unwanted")
    await expect(page.locator("#send-form output")).to_have_text("Sent.")
    await page.locator("#send-form [name=type]").fill("general")
    await send_with_form(page, "Wanted")
    await eventually(first.titles, ["Wanted", "a report"])


async def _is_on(site: Site, type: str) -> bool:
    data = site.execute("alice", "{ notificationPreferences { type enabled } }")
    (enabled,) = [
        each["enabled"] for each in data["notificationPreferences"] if each["type"] == type
    ]
    return bool(enabled)


ATTACK = '<img src=x onerror="window.attacked=1"><script>window.attacked=1</script>'


@pytest.mark.parametrize("show", ["one user, two devices", "one user, two protocols"])
async def test_content_is_shown_as_text(page: Page, site: Site, show: str) -> None:
    await open_live(page, show=show)
    data = {ATTACK: ATTACK, "__proto__": {"attacked": 1}, "href": "javascript:window.attacked=1"}
    site.send("alice", ATTACK, message=f"</p>{ATTACK}", data=data, link="/safe?x=\"'><script>")
    for inbox in await both_live(page):
        await eventually(inbox.titles, [ATTACK])
        await expect(inbox.items.locator("img, script, iframe")).to_have_count(0)
        await expect(inbox.items.locator("a")).to_have_attribute("href", "/safe?x=\"'><script>")
        await inbox.items.locator("summary").click()
        await expect(inbox.items.locator("pre")).to_contain_text("window.attacked=1")
    assert await page.evaluate("[window.attacked, ({}).attacked]") == [None, None]


async def test_the_list_works_by_keyboard(page: Page, site: Site) -> None:
    for title in ("one", "two", "three"):
        site.send("alice", title)
    first, _ = await open_live(page)
    await eventually(first.titles, ["three", "two", "one"])
    await first.items.first.focus()
    await page.keyboard.press("ArrowDown")
    await expect(first.item("two")).to_be_focused()
    await page.keyboard.press("r")
    await eventually(first.unread, ["three", "one"])
    await page.keyboard.press("Delete")
    await eventually(first.titles, ["three", "one"])
    await expect(first.item("one")).to_be_focused()
    await page.keyboard.press("Home")
    await expect(first.item("three")).to_be_focused()


async def test_new_notifications_are_announced(page: Page, site: Site) -> None:
    first, _ = await open_live(page)
    site.send("alice", "Breaking news")
    await expect(first.root.get_by_role("log")).to_have_text("New notification: Breaking news")


async def test_it_fits_on_a_phone(open_context: Opener, site: Site) -> None:
    context = await open_context(viewport={"width": 360, "height": 740}, has_touch=True)
    page = await context.new_page()
    site.send("alice", "An unreasonablylongwordthatnobodywouldeverhavewritten" * 3)
    await open_live(page)
    assert await page.evaluate("document.documentElement.scrollWidth") == 360


@pytest.mark.parametrize(
    ("width", "height"), [(820, 1100), (640, 400), (390, 844), (320, 640), (320, 256)]
)
async def test_everything_is_in_reach_at_any_width(
    open_context: Opener, site: Site, width: int, height: int
) -> None:
    """On tablets and phones, and at 200 % and 400 % of a desktop."""
    context = await open_context(viewport={"width": width, "height": height})
    page = await context.new_page()
    await open_live(page)
    assert await page.evaluate("document.documentElement.scrollWidth") == width
    for device in (page.locator(".device").nth(0), page.locator(".device").nth(1)):
        frame = await device.bounding_box()
        assert frame is not None
        for part in ("User", "Protocol"):
            box = await device.get_by_label(part).bounding_box()
            assert box is not None
            assert box["width"] > 60
        plug = await device.get_by_role("button", name="Unplug").bounding_box()
        assert plug is not None
        assert plug["x"] >= frame["x"]
        assert plug["x"] + plug["width"] <= frame["x"] + frame["width"]
        rows = await device.locator(".scroll").bounding_box()
        assert rows is not None
        assert rows["height"] > 90


async def test_on_a_phone_it_can_be_sent_beside_the_devices(
    open_context: Opener, site: Site
) -> None:
    context = await open_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = await context.new_page()
    first, second = await open_live(page)
    await page.locator("#devices").scroll_into_view_if_needed()
    send = page.get_by_role("button", name="Send one more")
    await expect(send).to_be_in_viewport()
    await send.click()
    for inbox in (first, second):
        await eventually(inbox.count, "1 unread")
