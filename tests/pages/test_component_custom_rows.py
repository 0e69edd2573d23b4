"""Rows and icons of `<notification-inbox>` that a page draws itself, under a policy without inline style or script."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.pages.embedding import OtherSite
from tests.pages.page_monitor import PageMonitor
from tests.pages.site import Site
from tests.pages.test_accessibility import audit
from tests.pages.waiting import eventually

pytestmark = [pytest.mark.stack("embedded"), pytest.mark.asyncio(loop_scope="session")]

ROWS = """
  const inbox = document.querySelector("notification-inbox");
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`
    notification-inbox::part(amount) { color: rgb(1, 2, 3); }
    notification-inbox::part(row unread) { border-bottom-color: rgb(4, 5, 6); }
    notification-inbox::part(title) { letter-spacing: 3px; }
  `);
  document.adoptedStyleSheets = [sheet];
  const make = (name, text, part) => {
    const made = document.createElement(name);
    if (part) made.setAttribute("part", part);
    made.append(text);
    return made;
  };
  addEventListener("notification-open", (event) => {
    event.preventDefault();
    window.opened = event.detail.notification.title;
  });
  inbox.renderRow = (notification) => {
    if (notification.title === "broken") throw new Error("no");
    if (notification.type !== "invoice") return null;
    const pay = make("button", "Pay");
    pay.addEventListener("click", () => (window.paid = notification.title));
    const row = make("div", `${notification.title}: `);
    row.append(make("strong", notification.data.amount, "amount"), pay);
    return row;
  };
"""

ICONS = """
  const namespace = "http://www.w3.org/2000/svg";
  const drawing = document.createElementNS(namespace, "svg");
  drawing.append(document.createElementNS(namespace, "circle"));
  document.querySelector("notification-inbox").icons = {
    ring: drawing,
    bell: (notification) => document.createTextNode(notification.title.length),
    dot: "data:image/gif;base64,R0lGODlhAQABAAAAACw=",
  };
"""


async def test_a_page_draws_rows_and_the_rest_stays(
    other_page: OtherSite, site: Site, monitor: PageMonitor
) -> None:
    site.send("alice", "plain")
    site.send("alice", "broken")
    site.send("alice", "bill", type="invoice", data={"amount": "12 EUR"}, link="/bills/1")
    inbox = await other_page.open(script=ROWS)
    row = inbox.root.get_by_role("article", name="bill")
    amount = row.get_by_text("12 EUR")
    await expect(amount).to_have_css("color", "rgb(1, 2, 3)")
    await expect(row).to_have_css("border-bottom-color", "rgb(4, 5, 6)")
    for title in ("plain", "broken"):
        heading = inbox.item(title).locator("h3")
        await expect(heading).to_be_visible()
        await expect(heading).to_have_css("letter-spacing", "3px")
    await expect(row.locator("h3")).to_be_hidden()
    assert await audit(other_page.page) == []
    # Without its own controls, the row opens the link.
    await amount.click()
    await expect(row).not_to_have_attribute("data-unread", "")
    assert await other_page.page.evaluate("window.opened") == "bill"
    await expect(row).not_to_have_css("border-bottom-color", "rgb(4, 5, 6)")
    # The list is one tab stop; arrow keys reach what is in the row.
    await row.focus()
    keyboard = other_page.page.keyboard
    await keyboard.press("ArrowRight")
    await expect(row.get_by_role("button", name="Pay")).to_be_focused()
    await keyboard.press("Enter")
    assert await other_page.page.evaluate("window.paid") == "bill"
    await keyboard.press("ArrowDown")
    await expect(inbox.item("broken")).to_be_focused()
    await inbox.press("bill", "Delete")
    await eventually(inbox.titles, ["broken", "plain"])
    assert monitor.console
    assert all("a function of the page failed" in each for each in monitor.console)
    monitor.console.clear()


async def test_what_is_drawn_anew_keeps_the_focus(other_page: OtherSite, site: Site) -> None:
    site.send("alice", "bill", type="invoice", data={"amount": "12 EUR"})
    inbox = await other_page.open(script=ROWS)
    row = inbox.root.get_by_role("article", name="bill")
    pay = row.get_by_role("button", name="Pay")
    # Until the page has said how rows are drawn, the row has other buttons.
    await expect(pay).to_be_visible()
    await row.focus()
    await other_page.page.keyboard.press("ArrowRight")
    await expect(pay).to_be_focused()
    before = await pay.element_handle()
    assert before is not None
    site.execute("alice", "mutation { markAllRead { unreadCount } }")
    await expect(row).not_to_have_attribute("data-unread", "")
    assert not await before.evaluate("each => each.isConnected")
    await expect(pay).to_be_focused()


async def test_another_function_draws_all_rows_anew(other_page: OtherSite, site: Site) -> None:
    site.send("alice", "bill", type="invoice", data={"amount": "12 EUR"})
    inbox = await other_page.open(script=ROWS)
    await expect(inbox.items.get_by_text("12 EUR")).to_be_visible()
    await inbox.root.evaluate("each => { each.renderRow = undefined; }")
    await expect(inbox.items.get_by_text("12 EUR")).to_have_count(0)
    await expect(inbox.items.locator("h3")).to_be_visible()


async def test_icons_are_drawn_by_their_names(other_page: OtherSite, site: Site) -> None:
    for icon in ("ring", "bell", "dot", "receipt", "unknown", "constructor"):
        site.send("alice", f"of {icon}", icon=icon)
    inbox = await other_page.open(script=ICONS)
    await expect(inbox.item("of ring").locator(".avatar circle")).to_have_count(1)
    await expect(inbox.item("of bell").locator(".avatar")).to_have_text("7")
    await expect(inbox.item("of dot").locator(".avatar img")).to_have_count(1)
    await expect(inbox.item("of receipt").locator(".avatar path")).to_have_count(1)
    for name in ("unknown", "constructor"):
        await expect(inbox.item(f"of {name}").locator(".avatar")).to_have_count(0)
    assert await audit(other_page.page) == []
    # It is of the actor before it is of a type.
    site.send("alice", "by Ana", icon="receipt", actor={"name": "Ana"})
    await expect(inbox.item("by Ana").locator(".avatar")).to_have_text("A")
