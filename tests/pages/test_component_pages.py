"""`<notification-inbox>` in pages of all kinds: dark headers, small windows, other languages, early scripts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import expect

from tests.pages.conftest import Opener
from tests.pages.embedding import OtherSite, embed
from tests.pages.inbox_view import InboxView
from tests.pages.page_monitor import PageMonitor
from tests.pages.site import Site
from tests.pages.waiting import eventually

pytestmark = [pytest.mark.stack("embedded"), pytest.mark.asyncio(loop_scope="session")]


async def test_the_bell_has_the_colour_of_its_place_and_stays_visible(
    other_page: OtherSite, site: Site
) -> None:
    site.send_many("alice", 120)
    script = (
        "document.body.style.cssText = 'background: rgb(16, 22, 43); color: rgb(250, 250, 240)'"
    )
    inbox = await other_page.open("", script)
    bell = inbox.root.locator(".bell")
    assert await bell.evaluate("each => getComputedStyle(each).color") == "rgb(250, 250, 240)"
    await expect(inbox.root.locator(".badge")).to_have_text("99+")
    icon = await inbox.root.locator(".bell .icon").bounding_box()
    badge = await inbox.root.locator(".badge").bounding_box()
    assert icon is not None
    assert badge is not None
    width = min(icon["x"] + icon["width"], badge["x"] + badge["width"]) - max(icon["x"], badge["x"])
    height = min(icon["y"] + icon["height"], badge["y"] + badge["height"]) - max(
        icon["y"], badge["y"]
    )
    assert width * height < icon["width"] * icon["height"] / 3


@pytest.mark.parametrize("edge", ["top", "bottom"])
async def test_the_panel_opens_where_there_is_room(
    other_page: OtherSite, site: Site, edge: str
) -> None:
    for number in range(12):
        site.send("alice", f"n{number}")
    style = "position: fixed; inset-inline-end: 20px"
    script = f"document.querySelector('notification-inbox').style.cssText = '{style}; {edge}: 20px'"
    for height in (900, 420):
        await other_page.page.set_viewport_size({"width": 900, "height": height})
        inbox = await other_page.open("", script)
        await inbox.root.locator(".bell").click()
        box = await inbox.root.get_by_role("dialog").bounding_box()
        assert box is not None
        assert (box["y"] >= 0, box["y"] + box["height"] <= height) == (True, True)


async def test_a_long_message_can_be_read(other_page: OtherSite, site: Site) -> None:
    site.send("alice", "short", message="A few words.")
    site.send("alice", "long", message="So many words. " * 100 + "The end.")
    inbox = await other_page.open()
    more = inbox.root.get_by_role("button", name="Show more")
    await expect(more).to_have_count(1)
    height = "each => each.clientHeight >= each.scrollHeight"
    message = inbox.item("long").locator(".message")
    assert await message.evaluate(height) is False
    await more.click()
    assert await message.evaluate(height) is True
    await inbox.root.get_by_role("button", name="Show less").click()
    assert await message.evaluate(height) is False
    # By keyboard: a notification without a link opens itself.
    await inbox.item("long").focus()
    await other_page.page.keyboard.press("Enter")
    assert await message.evaluate(height) is True


async def test_properties_that_were_set_before_the_script_loaded_count(
    other_page: OtherSite, site: Site
) -> None:
    site.send("bob", "For Bob")
    token = site.token("bob")
    embed(
        other_page.directory,
        site,
        "inline",
        f"""
        const inbox = document.querySelector("notification-inbox");
        if (customElements.get("notification-inbox")) throw new Error("It is defined already.");
        inbox.tokenProvider = () => "{token}";
        inbox.strings = {{ heading: "Post" }};
        inbox.snoozePresets = (now) => [{{ label: "Soon", until: new Date(now.getTime() + 600_000) }}];
        """,
        how="",
    )
    # Before the component's own script, which takes its time.
    page = (other_page.directory / "index.html").read_text()
    own = '<script src="page.js" defer></script>'
    inline = page.replace(own, "").replace("</main>", f"</main>{own.replace(' defer', '')}")
    script = inline[inline.index("<script") : inline.index("</script>") + len("</script>")]
    late = inline.replace(script, "") + script
    (other_page.directory / "index.html").write_text(late)
    await other_page.page.goto(other_page.address)
    await eventually(other_page.inbox.titles, ["For Bob"])
    await expect(other_page.inbox.root.locator("h2")).to_contain_text("Post")
    await other_page.inbox.press("For Bob", "Snooze")
    await expect(other_page.inbox.snooze_menu.locator(".preset bdi")).to_have_text(["Soon"])


@pytest.mark.parametrize(
    ("token", "text"),
    [
        ("", "You are not signed in."),
        ("nonsense", "The server did not accept your sign-in (malformed)."),
        ("expired", "Your sign-in has expired."),
    ],
)
async def test_the_reason_of_a_refusal_is_shown(
    other_page: OtherSite, site: Site, token: str, text: str
) -> None:
    if token == "expired":
        token = site.run(EXPIRED).strip()
    page = other_page.page
    hints: list[str] = []
    page.on("console", lambda message: hints.append(message.text))
    attributes = f'inline token="{token}"' if token else "inline"
    script = """
      window.reasons = [];
      addEventListener("signed-out", ({ detail }) => window.reasons.push(detail.reason));
    """
    # Before any script of the page: the server may refuse before the last of them has come.
    await page.add_init_script(script)
    content = '<p slot="signed-out"><a href="/sign-in">Sign in here</a></p>'
    embed(other_page.directory, site, attributes, content=content)
    await page.goto(other_page.address)
    inbox = other_page.inbox.root
    await expect(inbox.locator(".signed-out .reason")).to_have_text(text)
    await expect(page.get_by_role("link", name="Sign in here")).to_be_visible()
    await expect(inbox.get_by_role("alert")).to_contain_text(text)
    for hidden in (".list", ".status"):
        await expect(inbox.locator(hidden)).to_be_hidden()
    # Not by `wait_for_function`, which compiles text in the page, and the policy forbids that.
    await eventually(lambda: page.evaluate("window.reasons.length"), 1)

    async def is_explained() -> bool:
        return any("<notification-inbox>" in text for text in hints)

    await eventually(is_explained, True)


ATTEMPTS = """
  const root = document.querySelector("notification-inbox").shadowRoot;
  window.attempts = [];
  window.changes = 0;
  addEventListener("inbox-status", ({ detail }) => {
    if (detail.state === "reconnecting") window.attempts.push(detail.attempt);
  });
  new MutationObserver((records) => { window.changes += records.length }).observe(
    root.querySelector(".signed-out"), { subtree: true, childList: true, attributes: true, characterData: true }
  );
"""


async def test_whoever_signs_in_again_sees_the_list_and_its_state(
    other_page: OtherSite, site: Site
) -> None:
    """Until then, the attempts to connect are neither shown nor read aloud."""
    page, inbox = other_page.page, other_page.inbox
    site.send("alice", "one")
    embed(other_page.directory, site, 'inline token="nonsense"')
    await page.goto(other_page.address)
    alert = inbox.root.get_by_role("alert")
    await expect(alert).to_contain_text("The server did not accept your sign-in (malformed).")
    await page.evaluate(ATTEMPTS)

    async def has_tried_again() -> bool:
        await page.evaluate("document.querySelector('notification-inbox').source.reconnectNow()")
        return bool(await page.evaluate("window.attempts.length"))

    await eventually(has_tried_again, True)
    await expect(inbox.status).to_have_attribute("data-state", "reconnecting")
    await expect(inbox.root.get_by_text("reconnecting")).to_be_hidden()
    assert await page.evaluate("window.changes") == 0
    token = site.token("alice")
    await page.evaluate(
        f"document.querySelector('notification-inbox').setAttribute('token', '{token}')"
    )
    await expect(inbox.status).to_have_text("Live")
    await expect(inbox.status).to_be_visible()
    await expect(alert).to_be_hidden()
    await eventually(inbox.titles, ["one"])


EXPIRED = """
import django; django.setup()
from datetime import UTC, datetime, timedelta
import jwt
from django.contrib.auth import get_user_model
from live_inbox.identity.issuing import issue_token
from live_inbox.conf import inbox_settings
from unittest.mock import patch
user = get_user_model().objects.get(username="alice")
token = issue_token(user, ttl_seconds=60)
claims = jwt.decode(token, options={"verify_signature": False})
from live_inbox_site.environment import site_settings
past = {**claims, "iat": claims["iat"] - 7200, "exp": claims["exp"] - 7200}
print(jwt.encode(past, site_settings().jwt_secret, headers=jwt.get_unverified_header(token)))
"""


async def test_a_page_of_an_origin_that_is_not_allowed_learns_it(
    other_page: OtherSite, site: Site, monitor: PageMonitor
) -> None:
    strange = other_page.address.replace("127.0.0.1", "localhost")
    monitor.origins.add(strange.removeprefix("http://"))
    hints: list[str] = []
    other_page.page.on("console", lambda message: hints.append(message.text))
    embed(other_page.directory, site, f'inline token="{site.token("alice")}"')
    await other_page.page.goto(strange)
    text = "The server does not accept connections from this page."
    await expect(other_page.inbox.root.locator(".signed-out .reason")).to_have_text(text)

    async def is_explained() -> bool:
        return any(f"Add {strange} to ALLOWED_ORIGINS" in text for text in hints)

    await eventually(is_explained, True)
    assert all("CORS policy" in text for text in monitor.console)
    monitor.console.clear()


LANGUAGES = {
    "en": ("Notifications", "1 unread", "today"),
    "de": ("Benachrichtigungen", "1 ungelesen", "heute"),
    "es": ("Notificaciones", "1 sin leer", "hoy"),
    "fr": ("Notifications", "1 non lue", "aujourd’hui"),
    "ar": ("الإشعارات", "1 غير مقروءة", "اليوم"),
    "ja": ("通知", "未読 1 件", "今日"),
}


@pytest.mark.parametrize("language", LANGUAGES)
async def test_nothing_is_cut_off_on_a_phone(
    open_context: Opener, other_page: OtherSite, site: Site, language: str
) -> None:
    """Neither the names of the folders, nor the buttons of a row."""
    site.send("alice", "A title of some length that needs two lines", priority="URGENT")
    direction = "rtl" if language == "ar" else "ltr"
    await other_page.open("inline", html=f'lang="{language}" dir="{direction}"')
    context = await open_context(viewport={"width": 390, "height": 740})
    page = await context.new_page()
    await page.goto(other_page.address)
    inbox = InboxView(page.locator("notification-inbox"))
    await expect(inbox.root.locator(".panel")).to_have_attribute("lang", language)
    await expect(inbox.items.locator(".mark")).to_be_visible()
    panel = await inbox.root.locator(".panel").bounding_box()
    assert panel is not None
    for part in (".segments button", ".filters select", ".actions button", ".mark"):
        for each in await inbox.root.locator(part).all():
            box = await each.bounding_box()
            assert box is not None
            assert panel["x"] <= box["x"], part
            assert box["x"] + box["width"] <= panel["x"] + panel["width"], part
            assert box["height"] < 60, part


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_words_are_those_of_the_page(
    other_page: OtherSite, site: Site, language: str
) -> None:
    site.send("alice", "22:00–23:00", type="plain")
    direction = "rtl" if language == "ar" else "ltr"
    inbox = await other_page.open("inline", html=f'lang="{language}" dir="{direction}"')
    heading, count, today = LANGUAGES[language]
    await expect(inbox.root.locator("h2 bdi")).to_have_text(heading)
    await eventually(inbox.count, count)
    await expect(inbox.root.locator(".day")).to_have_text(today)
    await expect(inbox.root.locator(".panel")).to_have_attribute("lang", language)
    # The dot is where a line begins, and a title that is a span of time reads as it was written.
    row = await inbox.items.first.bounding_box()
    title = await inbox.items.locator("h3 bdi").bounding_box()
    assert row is not None
    assert title is not None
    is_left = title["x"] - row["x"] < 60
    assert is_left == (direction == "ltr")
    assert await inbox.items.locator("h3 bdi").evaluate("e => getComputedStyle(e).direction") == (
        "ltr"
    )


async def test_the_language_changes_with_the_page(other_page: OtherSite, site: Site) -> None:
    site.send("alice", "one")
    inbox = await other_page.open("inline", html='lang="en"')
    await expect(inbox.root.locator("h2 bdi")).to_have_text("Notifications")
    await other_page.page.evaluate("document.documentElement.lang = 'de-AT'")
    await expect(inbox.root.locator("h2 bdi")).to_have_text("Benachrichtigungen")
    await expect(inbox.items.get_by_role("button", name="Als gelesen markieren")).to_have_count(1)
    await eventually(inbox.titles, ["one"])


async def test_the_whole_row_opens_the_link_and_data_is_for_developers(
    other_page: OtherSite, site: Site
) -> None:
    site.send("alice", "linked", link="/there", message="Some words.", data={"a": 1})
    script = """
      window.opened = 0;
      addEventListener("notification-open", (event) => { event.preventDefault(); window.opened += 1; });
    """
    inbox = await other_page.open("inline", script)
    await expect(inbox.items.locator("details")).to_have_count(0)
    await inbox.items.first.click(position={"x": 60, "y": 50})
    assert await other_page.page.evaluate("window.opened") == 1
    await inbox.press("linked", "Mark as unread")
    assert await other_page.page.evaluate("window.opened") == 1
    await other_page.page.evaluate(
        "document.querySelector('notification-inbox').toggleAttribute('show-data')"
    )
    await expect(inbox.items.locator("details")).to_have_count(1)


async def test_a_burst_is_one_announcement(other_page: OtherSite, site: Site) -> None:
    inbox = await other_page.open()
    log = inbox.root.get_by_role("log")
    site.send("alice", "alone")
    await expect(log.locator("p")).to_have_text(["New notification: alone"])
    site.send_many("alice", 50)
    await eventually(inbox.count, "51 unread")
    await expect(log.locator("p").last).to_contain_text("new notifications")
    texts = await log.locator("p").all_inner_texts()
    assert len(texts) < 25


async def test_each_row_is_one_tab_stop_at_most(other_page: OtherSite, site: Site) -> None:
    for title in ("one", "two", "three"):
        site.send("alice", title, link="/there", message="Words. " * 100)
    inbox = await other_page.open()
    page = other_page.page
    reachable = await inbox.root.locator(".feed").evaluate(
        "feed => [...feed.querySelectorAll('*')].filter((each) => each.tabIndex >= 0).length"
    )
    assert reachable == 1
    await inbox.item("three").focus()
    await page.keyboard.press("ArrowDown")
    # The keys are on the screen while they are of use.
    await expect(inbox.root.locator(".keys")).to_be_in_viewport()
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("ArrowRight")
    await expect(inbox.item("two").get_by_role("button", name="Show more")).to_be_focused()
    await page.keyboard.press("ArrowUp")
    await expect(inbox.item("three")).to_be_focused()


async def test_escape_and_a_button_close_the_panel(
    open_context: Opener, site: Site, monitor: PageMonitor, other_page: OtherSite
) -> None:
    inbox = await other_page.open("")
    bell, dialog = inbox.root.locator(".bell"), inbox.root.get_by_role("dialog")
    await bell.click()
    await bell.focus()
    await other_page.page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    context = await open_context(viewport={"width": 390, "height": 740}, has_touch=True)
    phone = await context.new_page()
    await phone.goto(other_page.address)
    sheet = InboxView(phone.locator("notification-inbox"))
    await sheet.root.locator(".bell").tap()
    await sheet.root.get_by_role("button", name="Close").tap()
    await expect(sheet.root.get_by_role("dialog")).to_be_hidden()


async def test_what_is_done_offline_shows_at_once_and_is_sent_later(
    open_context: Opener, other_page: OtherSite, site: Site
) -> None:
    for title in ("one", "two"):
        site.send("alice", title)
    inbox = await other_page.open()
    site.server.kill()
    await expect(inbox.status).to_have_attribute("data-state", "reconnecting")
    await inbox.press("one", "Mark as read")
    await eventually(inbox.unread, ["two"])
    await eventually(inbox.count, "1 unread")
    await expect(inbox.status).to_contain_text("1 change will be sent")
    await expect(inbox.item("one")).to_contain_text("Not sent yet")
    site.server.start()
    await expect(inbox.status).to_have_attribute("data-state", "live")
    await expect(inbox.item("one")).not_to_contain_text("Not sent yet")

    async def unread() -> int:
        found = site.execute("alice", "{ notifications { unreadCount } }")
        return int(found["notifications"]["unreadCount"])

    await eventually(unread, 1)
    await eventually(inbox.unread, ["two"])


async def test_what_was_missed_is_above_a_line(other_page: OtherSite, site: Site) -> None:
    site.send("alice", "before")
    inbox = await other_page.open()
    await eventually(inbox.titles, ["before"])
    site.server.kill()
    await expect(inbox.status).to_have_attribute("data-state", "reconnecting")
    for title in ("1", "2"):
        site.send_from_other_process("alice", title)
    site.server.start()
    await expect(inbox.root.locator(".missed")).to_have_text("2 while you were away")
    parts = inbox.root.locator(".feed > :is(article, .missed)")
    script = (
        "found => found.map((each) => (each.querySelector('h3') ?? each).lastChild.textContent)"
    )
    assert await parts.evaluate_all(script) == ["2", "1", "2 while you were away", "before"]


async def test_the_title_of_the_page_has_the_number(other_page: OtherSite, site: Site) -> None:
    site.send("alice", "one")
    inbox = await other_page.open("title-badge")
    await expect(other_page.page).to_have_title("(1) Other site")
    await inbox.root.locator(".bell").click()
    await inbox.press("one", "Mark as read")
    await expect(other_page.page).to_have_title("Other site")


async def test_a_row_names_its_type_as_the_filter_does(other_page: OtherSite, site: Site) -> None:
    site.send("alice", "one", type="report")
    site.send("alice", "two", type="made-up")
    inbox = await other_page.open()
    await expect(inbox.item("one").locator(".type")).to_have_text("Reports")
    await expect(inbox.item("two").locator(".type")).to_have_text("made-up")


async def test_the_filter_has_the_types_that_the_server_knows(
    other_page: OtherSite, site: Site
) -> None:
    """A type that was turned off has no notifications in the list: it can be chosen all the same."""
    site.send("alice", "one")
    document = (
        "mutation ($input: NotificationPreferenceInput!) "
        "{ setNotificationPreference(input: $input) { type } }"
    )
    site.execute("alice", document, input={"type": "report", "enabled": False})
    inbox = await other_page.open()
    search = await inbox.open_search()

    async def choices() -> list[str]:
        types = search.get_by_label("Type", exact=True)
        return await types.locator("option").all_inner_texts()

    await eventually(
        choices, ["All types", "Approvals", "Everything else", "Reports", "Security", "Tips"]
    )


async def test_older_notifications_come_by_scrolling(other_page: OtherSite, site: Site) -> None:
    site.send_many("alice", 45)
    inbox = await other_page.open("")
    await inbox.root.locator(".bell").click()
    await expect(inbox.items).to_have_count(20)
    scroll = inbox.root.locator(".scroll")
    to_the_end = "each => { each.scrollTop = each.scrollHeight; }"
    for count in (40, 45):
        await scroll.evaluate(to_the_end)
        await expect(inbox.items).to_have_count(count)
    await expect(inbox.root.locator(".more")).to_be_hidden()


async def test_preferences_are_a_table_by_category(other_page: OtherSite, site: Site) -> None:
    """Of the types that the site declares, and of those that are in the list."""
    site.send("alice", "one", type="made-up")
    inbox = await other_page.open()
    await inbox.root.get_by_role("button", name="Preferences").click()
    table = inbox.root.get_by_role("table")
    await expect(table.get_by_role("rowheader", name="Approvals")).to_contain_text(
        "Whether what you have handed in was approved."
    )
    assert sorted(await table.locator("[scope=rowgroup]").all_inner_texts()) == ["Account", "Work"]
    switches = table.get_by_role("switch")
    labels = await switches.evaluate_all("found => found.map(each => each.ariaLabel)")
    assert labels[:2] == ["Everything else", "made-up"]
    assert set(labels) == {"Everything else", "made-up", "Tips", "Approvals", "Reports", "Security"}
    await expect(table.get_by_role("switch", name="Security")).to_be_disabled()
    # By keyboard, and kept.
    await table.get_by_role("switch", name="Reports").focus()
    await other_page.page.keyboard.press("Space")
    await eventually(wanted(site, "report"), False)
    await inbox.root.get_by_role("button", name="Preferences").click()
    await inbox.root.get_by_role("button", name="Preferences").click()
    await expect(table.get_by_role("switch", name="Reports")).not_to_be_checked()


def wanted(site: Site, type: str) -> Callable[[], Awaitable[bool]]:
    """Return what reads whether Alice wants a type."""

    async def read() -> bool:
        found = site.execute("alice", "{ notificationPreferences { type enabled } }")
        enabled = [
            each["enabled"] for each in found["notificationPreferences"] if each["type"] == type
        ]
        return enabled != [False]

    return read
