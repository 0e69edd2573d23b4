"""`<notification-inbox>` on a page of another site, with a script tag and an endpoint."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, expect

from tests.pages.embedding import embed
from tests.pages.inbox_view import InboxView
from tests.pages.page_monitor import PageMonitor
from tests.pages.site import Site
from tests.pages.waiting import eventually

pytestmark = [pytest.mark.stack("embedded"), pytest.mark.asyncio(loop_scope="session")]


async def test_component_works_on_another_site(
    page: Page, site: Site, monitor: PageMonitor, other_site: tuple[str, Path]
) -> None:
    address, directory = other_site
    monitor.origins.add(urlsplit(address).netloc)
    embed(directory, site, f'token="{site.token("alice")}"')
    site.send("alice", "one")
    await page.goto(address)
    inbox = InboxView(page.locator("notification-inbox"))
    bell = inbox.root.get_by_role("button", name="Notifications, 1 unread")
    await expect(bell).to_have_attribute("aria-expanded", "false")
    await bell.click()
    await expect(inbox.root.get_by_role("dialog", name="Notifications")).to_be_focused()
    site.send("alice", "two")
    await eventually(inbox.titles, ["two", "one"])
    await inbox.press("one", "Mark as read")
    await eventually(inbox.count, "1 unread")
    await page.keyboard.press("Escape")
    await expect(inbox.root.get_by_role("dialog")).to_be_hidden()
    await expect(bell).to_be_focused()


BROKEN_SOCKETS = """
const Original = window.WebSocket;
window.attempts = 0;
window.WebSocket = class extends Original {
  constructor(address, protocol) {
    super(address.replace("/graphql/", "/no-such-socket/"), protocol);
    window.attempts += 1;
  }
};
"""


async def test_a_network_that_breaks_websockets(
    page: Page, site: Site, monitor: PageMonitor, other_site: tuple[str, Path]
) -> None:
    address, directory = other_site
    monitor.origins.add(urlsplit(address).netloc)
    embed(directory, site, f'inline token="{site.token("alice")}"')
    site.send("alice", "one")
    await page.add_init_script(BROKEN_SOCKETS)
    await page.goto(address)
    inbox = InboxView(page.locator("notification-inbox"))
    await expect(inbox.status).to_have_attribute("data-state", "live")
    assert await page.evaluate("window.attempts") == 2
    site.send("alice", "two")
    await eventually(inbox.titles, ["two", "one"])
    await inbox.press("one", "Mark as read")
    await eventually(inbox.count, "1 unread")
    site.server.restart()
    site.send("alice", "three")
    await eventually(inbox.titles, ["three", "two", "one"])


@pytest.mark.parametrize("how", ['type="module"', "crossorigin defer"])
async def test_the_script_may_be_a_module_and_checked_by_cors(
    page: Page, site: Site, monitor: PageMonitor, other_site: tuple[str, Path], how: str
) -> None:
    """On a page that is isolated from other origins (COEP), as all of this other site are."""
    address, directory = other_site
    monitor.origins.add(urlsplit(address).netloc)
    embed(directory, site, f'inline token="{site.token("alice")}"', how=how)
    site.send("alice", "one")
    await page.goto(address)
    await eventually(InboxView(page.locator("notification-inbox")).titles, ["one"])
    assert await page.evaluate("window.crossOriginIsolated")


ASK = """
async ([address, token, credentials]) => {
  const headers = { "Content-Type": "application/json", "ApolloGraphQL-Client-Name": "test" };
  if (token) headers.Authorization = `Bearer ${token}`;
  const body = JSON.stringify({ query: "{ viewer { username } }" });
  try {
    const answer = await fetch(address, { method: "POST", headers, body, credentials });
    return (await answer.json()).data?.viewer.username ?? answer.status;
  } catch (error) {
    return error.name;
  }
}
"""


async def test_pages_of_allowed_origins_may_send_requests_with_a_token(
    page: Page, site: Site, monitor: PageMonitor, other_site: tuple[str, Path]
) -> None:
    address, directory = other_site
    # The same other site by another name, which is not allowed.
    strange = address.replace("127.0.0.1", "localhost")
    monitor.origins |= {urlsplit(each).netloc for each in (address, strange)}
    (directory / "index.html").write_text(
        '<title>Other site</title><link rel="icon" href="data:,">'
    )
    graphql, token = f"{site.http}/graphql/", site.token("alice")
    await page.goto(address)
    found = [
        await page.evaluate(ASK, [graphql, given, credentials])
        for given, credentials in (
            (token, "omit"),
            ("x.y.z", "omit"),
            (None, "same-origin"),
            (token, "include"),
        )
    ]
    assert found == ["alice", 401, 200, "TypeError"]
    await page.goto(strange)
    assert await page.evaluate(ASK, [graphql, token, "omit"]) == "TypeError"
    assert ["by CORS policy" in text for text in monitor.console] == [True, True]
    monitor.console.clear()


@pytest.mark.parametrize("place", ["start", "center", "end"])
async def test_the_panel_opens_inside_the_page_wherever_the_bell_is(
    page: Page, site: Site, monitor: PageMonitor, other_site: tuple[str, Path], place: str
) -> None:
    address, directory = other_site
    monitor.origins.add(urlsplit(address).netloc)
    token = site.token("alice")
    script = f"document.body.style.textAlign = '{place}';"
    embed(directory, site, f'token="{token}"', script)
    for width in (1000, 500):
        await page.set_viewport_size({"width": width, "height": 700})
        await page.goto(address)
        await page.locator("notification-inbox").get_by_role("button").first.click()
        panel = page.locator("notification-inbox").get_by_role("dialog")
        box = await panel.bounding_box()
        assert box is not None
        assert (box["x"] >= 0, box["x"] + box["width"] <= width) == (True, True)


async def test_component_requests_tokens_from_its_page(
    page: Page, site: Site, monitor: PageMonitor, other_site: tuple[str, Path]
) -> None:
    address, directory = other_site
    monitor.origins.add(urlsplit(address).netloc)
    # The server refuses the first token: the component requests another.
    script = f"""
        const inbox = document.querySelector("notification-inbox");
        window.needs = [];
        inbox.tokenProvider = async ({{ refresh }}) => {{
          window.needs.push(refresh);
          return refresh ? "{site.token("bob")}" : "{"x" * 20}";
        }};
        inbox.addEventListener("inbox-change", ({{ detail }}) => {{ window.unread = detail.unreadCount; }});
    """
    embed(directory, site, "inline", script)
    site.send("bob", "For Bob")
    await page.goto(address)
    inbox = InboxView(page.locator("notification-inbox"))
    await eventually(inbox.titles, ["For Bob"])
    assert await page.evaluate("window.needs") == [False, True]
    assert await page.evaluate("window.unread") == 1


async def test_component_reports_a_missing_endpoint(
    page: Page, site: Site, monitor: PageMonitor, other_site: tuple[str, Path]
) -> None:
    address, directory = other_site
    monitor.origins.add(urlsplit(address).netloc)
    embed(
        directory,
        site,
        "inline",
        "document.querySelector('*[endpoint]').removeAttribute('endpoint')",
    )
    await page.goto(address)
    status = page.locator("notification-inbox .status")
    await expect(status).to_have_text("The attribute “endpoint” is missing.")


STORED = "localStorage.getItem('notification-inbox:user-1')"


@pytest.mark.parametrize(
    "end",
    [
        "inbox.forget()",
        "inbox.removeAttribute('token')",
        "inbox.setAttribute('remember', 'user-2')",
        # Each token is refused, a fresh one as well: the user is signed out.
        "inbox.tokenProvider = () => 'no token'",
    ],
    ids=["forget", "without-token", "other-user", "refused"],
)
async def test_the_stored_copy_goes_at_sign_out(
    page: Page, site: Site, monitor: PageMonitor, other_site: tuple[str, Path], end: str
) -> None:
    async def is_stored() -> bool:
        return "secret" in (await page.evaluate(STORED) or "")

    address, directory = other_site
    monitor.origins.add(urlsplit(address).netloc)
    embed(directory, site, f'token="{site.token("alice")}" remember="user-1"')
    site.send("alice", "secret")
    await page.goto(address)
    await eventually(is_stored, True)
    site.send("alice", "another secret")
    await eventually(
        InboxView(page.locator("notification-inbox")).titles, ["another secret", "secret"]
    )
    await page.evaluate(
        f"() => {{ const inbox = document.querySelector('notification-inbox'); {end}; }}"
    )
    await eventually(is_stored, False)
    # Nor is it written when the page is left.
    await page.goto(f"{address}/page.js")
    assert not await is_stored()
