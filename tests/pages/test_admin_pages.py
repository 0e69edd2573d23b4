"""The admin's pages in a real browser: they work, and nothing on them breaks the policy of the site."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.async_api import Locator, Page, expect

from tests.pages.admin_site import sign_in
from tests.pages.conftest import Opener
from tests.pages.page_monitor import PageMonitor
from tests.pages.site import Site
from tests.pages.test_accessibility import axe
from tests.pages.waiting import eventually

pytestmark = [pytest.mark.stack("embedded"), pytest.mark.asyncio(loop_scope="session")]


async def own_links(page: Page) -> list[str]:
    """Return the paths within the admin that a page links to, without queries."""
    hrefs = await page.locator("a").evaluate_all("found => found.map(each => each.pathname)")
    return [href for href in hrefs if href.startswith("/admin/")]


async def test_every_page_keeps_to_the_policy(page: Page, site: Site, monitor: PageMonitor) -> None:
    """Follow each link, of objects one of a kind; the monitor reports violations and errors."""
    site.send("alice", "One")
    await sign_in(page)
    seen: set[str] = set()
    waiting = ["/admin/"]
    while waiting:
        path = waiting.pop(0)
        kind = "/".join("#" if part.isdecimal() else part for part in path.split("/"))
        if kind in seen or "logout" in path:
            continue
        seen.add(kind)
        answer = await page.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        assert "content-security-policy" in answer.headers
        waiting += await own_links(page)
    models = ("notification", "inbox", "inboxevent", "bulksend", "notificationpreference")
    assert seen >= {f"/admin/live_inbox/{model}/" for model in models}, seen


async def test_the_scripts_of_the_forms_work_under_the_policy(page: Page, site: Site) -> None:
    """The search for users (Select2), the calendar, the preview, actions, the filter and its pop-up."""
    await sign_in(page)
    await page.goto("/admin/live_inbox/notification/add/")
    await page.locator(".select2-selection").click()
    await page.locator(".select2-search__field").fill("ali")
    await page.locator(".select2-results__option", has_text="alice").click()
    await page.get_by_label("Title").fill("From the admin")
    await expect(page.locator("[data-preview=title]")).to_have_text("From the admin")
    await page.locator("#calendarlink0").click()
    await page.locator("#calendarbox0 a", has_text="Tomorrow").click()
    await page.locator("#clocklink0").click()
    await page.locator("#clockbox0 a", has_text="Midnight").click()
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator(".messagelist .success")).to_be_visible()
    assert site.titles("alice") == ["From the admin"]

    await page.locator("#action-toggle").check()
    await page.locator("select[name=action]").select_option("mark_read")
    await page.locator("button[name=index]").click()
    await expect(page.locator(".messagelist .success")).to_be_visible()
    await expect(page.locator(".inbox-state-unread")).to_have_count(0)

    # Another theme, and the box that filters the sidebar.
    await page.locator("button.theme-toggle").first.click()
    await page.locator("#nav-filter").fill("inbox")

    # The lists between which permissions are moved, and a group that a pop-up window makes.
    await page.goto("/admin/auth/user/")
    await page.get_by_role("link", name="bob").click()
    await page.locator("#id_user_permissions_from option").first.dblclick()
    await expect(page.locator("#id_user_permissions_to option")).to_have_count(1)
    async with page.expect_popup() as opening:
        await page.locator("#add_id_groups").click()
    popup = await opening.value
    await popup.get_by_label("Name").fill("Clerks")
    async with popup.expect_event("close"):
        await popup.get_by_role("button", name="Save", exact=True).click()
    await expect(page.locator("#id_groups_to option")).to_have_text("Clerks")


_CROWD = """
import django; django.setup()
from django.contrib.auth.models import User
User.objects.bulk_create([User(username=f"crowd{n}") for n in range(1200)], ignore_conflicts=True)
"""

_NO_CROWD = """
import django; django.setup()
from django.contrib.auth.models import User
User.objects.filter(username__startswith="crowd").delete()
"""


@pytest.fixture
def crowd(site: Site) -> Iterator[None]:
    """More than a thousand users beside those of the demo."""
    site.run(_CROWD)
    yield
    site.run(_NO_CROWD)


async def is_in_view(locator: Locator, page: Page) -> bool:
    """Whether the whole of an element can be seen without scrolling."""
    box, size = await locator.bounding_box(), page.viewport_size
    assert size is not None
    return box is not None and box["y"] >= 0 and box["y"] + box["height"] <= size["height"]


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (390, 844)])
async def test_preview_and_send_are_above_the_fold(
    page: Page, site: Site, width: int, height: int
) -> None:
    await page.set_viewport_size({"width": width, "height": height})
    await sign_in(page)
    await page.goto("/admin/live_inbox/notification/add/")
    await expect(page.locator("#inbox-preview")).to_be_visible()
    assert await is_in_view(page.locator(".inbox-card"), page)
    assert await is_in_view(page.get_by_role("button", name="Send", exact=True), page)


@pytest.mark.parametrize("width", [390, 820, 1100])
@pytest.mark.parametrize(
    "model", ["notification", "inbox", "inboxevent", "bulksend", "notificationpreference"]
)
async def test_no_list_is_wider_than_its_page(
    page: Page, site: Site, model: str, width: int
) -> None:
    """Its table scrolls by itself, and what is chosen for its rows has room."""
    site.send("alice", "one", priority="URGENT")
    await page.set_viewport_size({"width": width, "height": 900})
    await sign_in(page)
    await page.goto(f"/admin/live_inbox/{model}/")
    await expect(page.locator("#changelist")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") == width


async def test_the_tables_of_the_statistics_scroll_on_a_phone_and_the_page_does_not(
    page: Page, site: Site
) -> None:
    site.send("alice", "one")
    await page.set_viewport_size({"width": 390, "height": 844})
    await sign_in(page)
    await page.goto("/admin/live_inbox/notification/statistics/")
    await expect(page.get_by_role("heading", name="By campaign")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") == 390
    campaigns = page.get_by_role("region", name="By campaign")
    await campaigns.focus()
    await page.keyboard.press("ArrowRight")
    await eventually(lambda: campaigns.evaluate("each => each.scrollLeft > 0"), True)


async def test_a_send_to_everybody_is_counted_confirmed_watched_and_recalled(
    page: Page, site: Site, crowd: None
) -> None:
    await sign_in(page)
    await page.goto("/admin/live_inbox/notification/add/")
    await page.get_by_label("All active users").check()
    await page.get_by_label("Title").fill("To all")
    count = page.locator("#inbox-count")
    await expect(count).to_have_text(re.compile(r"^Goes to 1,2\d\d users\.$"))
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(page.locator(".inbox-card-title bdi")).to_have_text("To all")
    assert site.titles("alice") == []
    await page.get_by_role("button", name=re.compile(r"^Send to 1,2\d\d users$")).dblclick()
    state = page.locator("#inbox-campaign-state")
    await expect(state).to_have_text("Sent.")
    assert site.titles("alice") == ["To all"]
    bar = page.get_by_role("progressbar")
    assert await bar.evaluate("bar => bar.value === bar.max && bar.max > 1200")
    await expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    # What stands below is as of then, too.
    await expect(page.locator(".field-chunks .readonly")).to_have_text("3")
    await page.locator("summary", has_text="Recall").click()
    await page.get_by_role("button", name="Recall from all inboxes").click()
    await expect(state).to_have_text("Recalled.")
    assert site.titles("alice") == []


async def test_the_page_of_an_inbox_shows_what_is_connected(
    page: Page, open_context: Opener, site: Site
) -> None:
    site.send("alice", "One")
    device = await (await open_context()).new_page()
    await device.goto("/")
    await expect(device.get_by_text("One", exact=True).first).to_be_visible()
    await sign_in(page)
    await page.goto("/admin/live_inbox/inbox/")
    await page.get_by_role("link", name="alice").click()
    await expect(page.get_by_role("heading", name="Inbox of alice")).to_be_visible()
    devices = page.locator("#inbox-connections tbody tr")
    # The page has two inboxes of hers.
    await expect(devices).to_have_count(2)
    await expect(devices).to_contain_text(["127.0.0.1", "127.0.0.1"])
    newest = await page.locator(".inbox-timeline .inbox-number").first.inner_text()
    await expect(devices.locator("td:nth-child(4)")).to_have_text([newest, newest])
    await expect(page.locator("#inbox-connections [role=status]")).to_have_text(
        "2 devices: 1 server process has answered."
    )
    await devices.first.get_by_role("button", name="Disconnect").click()
    await expect(page.get_by_text("The device is disconnected.")).to_be_visible()
    # The other inbox. This one comes back after the servers were asked.
    await expect(devices).to_have_count(1)


async def audit_content(page: Page) -> list[str]:
    """Return what axe finds in the content of a page of the admin: its frame is Django's."""
    await page.evaluate(axe())
    found = await page.evaluate("axe.run('#content', { resultTypes: ['violations'] })")
    return [
        f"{violation['id']}: {node['html'][:200]}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
async def test_our_pages_are_accessible(
    open_context: Opener, site: Site, crowd: None, color_scheme: str
) -> None:
    # axe inserts a style sheet.
    context = await open_context(color_scheme=color_scheme, bypass_csp=True)
    page = await context.new_page()
    site.send("alice", "One")
    await sign_in(page)
    await page.goto("/admin/live_inbox/notification/add/")
    await page.get_by_label("All active users").check()
    await page.get_by_label("Title").fill("To all")
    await expect(page.locator("#inbox-count")).to_contain_text("users")
    assert await audit_content(page) == []
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(page.locator(".inbox-card-title bdi")).to_be_visible()
    assert await audit_content(page) == []
    await page.get_by_role("button", name=re.compile("^Send to")).click()
    await expect(page.locator("#inbox-campaign-state")).to_have_text("Sent.")
    await page.locator("summary", has_text="Recall").click()
    assert await audit_content(page) == []
    await page.goto("/admin/live_inbox/notification/statistics/")
    assert await audit_content(page) == []
    await page.goto("/admin/live_inbox/inbox/?q=alice")
    await page.get_by_role("link", name="alice", exact=True).click()
    await expect(page.locator("#inbox-connections [role=status]")).to_contain_text("answered")
    assert await audit_content(page) == []


async def test_refusals_are_pages_under_the_policy(page: Page, site: Site) -> None:
    """A form whose cookie is gone, an unknown address, and an error page with DEBUG."""
    await page.goto("/admin/login/")
    await page.context.clear_cookies()
    await page.get_by_label("Username").fill("admin")
    await page.get_by_label("Password").fill("demo")
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("heading", name="The form was refused.")).to_be_visible()
    answer = await page.goto("/nowhere")
    assert answer is not None
    assert answer.status == 404
    # Its style sheet is inline.
    summary = page.locator("#summary")
    await expect(summary).to_have_css("background-color", "rgb(255, 255, 204)")
