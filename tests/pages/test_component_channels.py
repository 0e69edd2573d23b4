"""The preferences of the component on a site with channels beside the inbox: a table with a column for each."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator

import pytest
from playwright.async_api import Locator, expect

from tests.pages.conftest import Opener, StartSite
from tests.pages.embedding import OtherSite
from tests.pages.inbox_view import InboxView
from tests.pages.site import Site
from tests.pages.test_accessibility import audit
from tests.pages.waiting import eventually

pytestmark = [pytest.mark.stack("embedded"), pytest.mark.asyncio(loop_scope="session")]

CHANNELS = {"email": {"label": "E-mail"}, "push": {"label": "Phone"}}
TYPES = {
    "comment": {
        "label": "Comments",
        "description": "When somebody answers what you have written.",
        "category": "work",
        "default": ["in_app", "email"],
    },
    "invoice": {"label": "Invoices", "category": "billing", "required": ["email"]},
    "news": {"label": "News", "default": ["in_app", "push"]},
}


@pytest.fixture(scope="module")
def shared_site(start_site: StartSite) -> Iterator[Site]:
    """Start a server of a site that mails and pushes; tests use `site`."""
    with start_site(CHANNELS=json.dumps(CHANNELS), TYPES=json.dumps(TYPES)) as site:
        yield site


async def table_of(inbox: InboxView) -> Locator:
    """Open the preferences, and return their table."""
    await inbox.root.locator(".panel > :first-child [aria-pressed]").click()
    return inbox.root.get_by_role("table")


def chosen(site: Site, type: str) -> Callable[[], Awaitable[dict[str, bool] | None]]:
    """Return what reads which channels of a type are on for Alice; None of a type that she does not have."""

    async def read() -> dict[str, bool] | None:
        query = "{ notificationPreferences { type channels { channel enabled } } }"
        listed = site.execute("alice", query)["notificationPreferences"]
        found = {
            each["type"]: {on["channel"]: on["enabled"] for on in each["channels"]}
            for each in listed
        }
        return found.get(type)

    return read


async def test_there_is_a_column_for_each_channel(other_page: OtherSite, site: Site) -> None:
    site.send("alice", "one", type="made-up")
    inbox = await other_page.open()
    table = await table_of(inbox)
    heads = table.get_by_role("columnheader")
    await expect(heads).to_have_text(["Inbox", "E-mail", "Phone"])
    await expect(table.get_by_role("rowheader", name="Comments")).to_contain_text("answers")
    groups = table.locator("[scope=rowgroup]")
    assert sorted(await groups.all_inner_texts()) == ["Billing", "Work"]
    switches = await table.get_by_role("switch").evaluate_all(
        "found => found.map(each => [each.ariaLabel, each.checked, each.disabled])"
    )
    assert {name: (on, fixed) for name, on, fixed in switches} == {
        "Inbox for Comments": (True, False),
        "E-mail for Comments": (True, False),
        "Phone for Comments": (False, False),
        "Inbox for Invoices": (True, False),
        "E-mail for Invoices": (True, True),
        "Phone for Invoices": (False, False),
        "Inbox for News": (True, False),
        "E-mail for News": (False, False),
        "Phone for News": (True, False),
        # A type that is in the list, and that the site does not declare.
        "Inbox for made-up": (True, False),
        "E-mail for made-up": (False, False),
        "Phone for made-up": (False, False),
    }
    invoices = table.get_by_role("row").filter(has_text="Invoices")
    await expect(invoices.get_by_text("always on")).to_have_count(1)


async def test_a_switch_is_about_its_channel(other_page: OtherSite, site: Site) -> None:
    site.send("alice", "one", type="loose")
    inbox = await other_page.open()
    table = await table_of(inbox)
    await table.get_by_role("switch", name="E-mail for Comments").focus()
    await other_page.page.keyboard.press("Space")
    await eventually(chosen(site, "comment"), {"in_app": True, "email": False, "push": False})
    await table.get_by_role("switch", name="Phone for loose").click()
    await eventually(chosen(site, "loose"), {"in_app": True, "email": False, "push": True})
    # It is there when the preferences are opened again, and back on with the next click.
    await inbox.root.get_by_role("button", name="Preferences").click()
    await inbox.root.get_by_role("button", name="Preferences").click()
    comments = table.get_by_role("switch", name="E-mail for Comments")
    await expect(comments).not_to_be_checked()
    await comments.click()
    await eventually(chosen(site, "comment"), {"in_app": True, "email": True, "push": False})


@pytest.mark.parametrize(
    ("language", "name"), [("de", "Posteingang für News"), ("ar", "الوارد لـNews")]
)
async def test_the_inbox_is_named_in_the_language_of_the_page(
    other_page: OtherSite, site: Site, language: str, name: str
) -> None:
    inbox = await other_page.open(html=f'lang="{language}"')
    table = await table_of(inbox)
    await expect(table.get_by_role("switch", name=name)).to_be_checked()


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
async def test_the_table_is_usable_and_accessible_on_a_phone(
    open_context: Opener, other_page: OtherSite, site: Site, direction: str
) -> None:
    await other_page.open("", html=f'lang="en" dir="{direction}"')
    context = await open_context(viewport={"width": 390, "height": 740}, has_touch=True)
    page = await context.new_page()
    await page.goto(other_page.address)
    inbox = InboxView(page.locator("notification-inbox"))
    await inbox.root.locator(".bell").tap()
    await inbox.root.get_by_role("button", name="Preferences").tap()
    table = inbox.root.get_by_role("table")
    await expect(table.get_by_role("switch", name="Phone for News")).to_be_visible()
    assert await audit(page) == []
    for part in ("th", "td", "input"):
        for each in await table.locator(part).all():
            box = await each.bounding_box()
            assert box is not None
            assert box["x"] >= 0, part
            assert box["x"] + box["width"] <= 390, part
    # Their names have room beside the switches.
    comments = await table.get_by_role("rowheader", name="Comments").bounding_box()
    assert comments is not None
    assert comments["width"] > 100
    await table.get_by_role("switch", name="Phone for Comments").tap()
    await eventually(chosen(site, "comment"), {"in_app": True, "email": True, "push": True})
    await table.get_by_role("switch", name="Phone for Comments").tap()
    await eventually(chosen(site, "comment"), {"in_app": True, "email": True, "push": False})
