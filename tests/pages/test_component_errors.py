"""What the component says when there is no inbox to be reached, and what becomes of changes meanwhile."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import urlsplit

import pytest
from playwright.async_api import ConsoleMessage, Page, Route, WebSocketRoute, expect

from tests.pages.admin_site import sign_in
from tests.pages.conftest import Opener
from tests.pages.inbox_view import InboxView
from tests.pages.page_monitor import PageMonitor
from tests.pages.site import Site
from tests.pages.test_accessibility import audit
from tests.pages.test_component_sizes import measure
from tests.pages.waiting import eventually
from tests.stacks.ports import LOOPBACK, free_port

pytestmark = [pytest.mark.stack("embedded"), pytest.mark.asyncio(loop_scope="session")]

PAGE = """<!doctype html><html lang="{language}"><meta charset="utf-8"><title>Page</title>
<link rel="icon" href="data:,"><script src="/notification-inbox.js" defer></script>
<main><h1>Page</h1>
<notification-inbox inline endpoint="{endpoint}" {attributes}>{content}</notification-inbox></main>"""


async def open_page(
    page: Page, endpoint: str, *, language: str = "en", attributes: str = "", content: str = ""
) -> InboxView:
    """Open a page of the site itself with an inbox at an endpoint, without waiting for the inbox."""

    async def answer(route: Route) -> None:
        body = PAGE.format(
            endpoint=endpoint, language=language, attributes=attributes, content=content
        )
        await route.fulfill(content_type="text/html", body=body)

    await page.route("**/a-page", answer)
    await page.goto("/a-page")
    return InboxView(page.locator("notification-inbox"))


def warnings_of(page: Page) -> list[str]:
    """Return the list of what the component tells the developer, which grows."""
    found: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "warning":
            found.append(message.text)

    page.on("console", on_console)
    return found


WORDS = {
    "en": ("Your notifications cannot be loaded.", "Try now"),
    "de": ("Ihre Benachrichtigungen können nicht geladen werden.", "Jetzt versuchen"),
    "es": ("No se pueden cargar tus notificaciones.", "Intentar ahora"),
    "fr": ("Vos notifications ne peuvent pas être chargées.", "Essayer maintenant"),
    "ar": ("يتعذّر تحميل إشعاراتك.", "حاول الآن"),
    "ja": ("通知を読み込めません。", "今すぐ試す"),
}

HINTS = {
    "/nothing/": "/nothing/ is no inbox: it answers 404, text/html",
    "/admin/login/": "/admin/login/ is no inbox: it answers 403, text/html",
    "refused": "cannot be reached. Is the server running, and “endpoint” its address?",
}


@pytest.mark.parametrize("endpoint", HINTS)
async def test_an_endpoint_that_is_no_inbox_is_said_to_users_and_developers(
    page: Page, monitor: PageMonitor, endpoint: str
) -> None:
    address = endpoint
    if endpoint == "refused":
        address = f"http://{LOOPBACK}:{free_port()}/graphql/"
        monitor.origins.add(urlsplit(address).netloc)
    warnings = warnings_of(page)
    inbox = await open_page(page, address)
    alert = inbox.root.get_by_role("alert")
    await expect(alert).to_contain_text(WORDS["en"][0])
    await expect(inbox.status).to_have_text("Connection lost · reconnecting…")
    await expect(inbox.root.locator(".list")).to_be_hidden()
    assert await audit(page) == []
    await page.set_viewport_size({"width": 320, "height": 256})
    for language, (words, button) in WORDS.items():
        await page.evaluate(f"document.documentElement.lang = '{language}'")
        await expect(alert.locator("p").first).to_have_text(words)
        await expect(alert.get_by_role("button", name=button)).to_be_visible()
        assert await measure(inbox) == []
    assert len(warnings) == 1
    assert HINTS[endpoint] in warnings[0]
    monitor.console.clear()


async def test_a_page_has_words_of_its_own_for_an_inbox_that_cannot_be_loaded(page: Page) -> None:
    content = '<p slot="error">Ring the <a href="tel:0">help desk</a>.</p>'
    inbox = await open_page(page, "/nothing/", content=content)
    await expect(inbox.root.get_by_role("link", name="help desk")).to_be_visible()
    await expect(inbox.root.get_by_role("button", name="Try now")).to_be_hidden()
    await expect(inbox.root.locator(".reason").last).to_be_hidden()


async def test_the_list_comes_when_the_server_does(
    page: Page, site: Site, monitor: PageMonitor
) -> None:
    """By the button it comes at once. A list that is shown stays when the server goes again."""
    site.send("alice", "one")
    is_away = True
    sockets: list[WebSocketRoute] = []

    async def on_socket(route: WebSocketRoute) -> None:
        sockets.append(route)
        if is_away:
            await route.close(code=1011)
        else:
            route.connect_to_server()

    await page.route_web_socket("**/graphql/", on_socket)
    await page.route("**/graphql/", lambda route: route.abort())
    inbox = await open_page(page, "/graphql/", attributes=f'token="{site.token("alice")}"')
    button = inbox.root.get_by_role("button", name="Try now")
    await expect(button).to_be_visible()
    is_away = False
    await page.unroute("**/graphql/")
    await button.press("Enter")
    await eventually(inbox.titles, ["one"])
    await expect(button).to_be_hidden()
    await expect(inbox.root.locator(".panel")).to_be_focused()
    await expect(inbox.status).to_have_text("Live")
    is_away = True
    await page.route("**/graphql/", lambda route: route.abort())
    before = len(sockets)
    await sockets[-1].close(code=1012)

    async def has_tried() -> bool:
        await page.evaluate("document.querySelector('notification-inbox').source.reconnectNow()")
        return len(sockets) >= before + 3

    await eventually(has_tried, True)
    await expect(inbox.status).to_have_attribute("data-state", "reconnecting")
    await expect(inbox.items).to_be_visible()
    await expect(button).to_be_hidden()
    monitor.console.clear()


async def test_changes_outlast_a_proxy_before_a_dead_server(
    page: Page, site: Site, monitor: PageMonitor
) -> None:
    """It opens sockets and closes them with 1011. Each change is made once, when the server is back."""
    ids = {title: site.send("alice", title) for title in ("one", "two", "three")}
    sockets: list[WebSocketRoute] = []
    is_away = False
    refused = 0

    async def on_socket(route: WebSocketRoute) -> None:
        nonlocal refused
        if is_away:
            refused += 1
            await route.close(code=1011)
        else:
            sockets.append(route)
            route.connect_to_server()

    await page.route_web_socket("**/graphql/", on_socket)
    inbox = await open_page(page, "/graphql/", attributes=f'token="{site.token("alice")}"')
    await eventually(inbox.titles, ["three", "two", "one"])
    is_away = True
    await page.route("**/graphql/", lambda route: route.abort())
    await sockets[0].close(code=1011)
    await expect(inbox.status).to_have_attribute("data-state", "reconnecting")
    await inbox.press("three", "Archive")
    await inbox.press("two", "Delete")
    await inbox.press("one", "Mark as read")
    before = refused

    async def has_tried() -> bool:
        await page.evaluate("document.querySelector('notification-inbox').source.reconnectNow()")
        return refused > before

    await eventually(has_tried, True)
    await expect(inbox.status).to_contain_text("3 changes will be sent")
    await expect(inbox.root.locator(".problem")).to_be_hidden()
    assert await inbox.titles() == ["one"]
    position = site.execute("alice", "{ notifications { position } }")["notifications"]["position"]
    is_away = False
    await page.unroute("**/graphql/")
    await page.evaluate("document.querySelector('notification-inbox').source.reconnectNow()")
    await expect(inbox.status).to_have_attribute("data-state", "live")

    async def archived() -> list[str]:
        query = "{ notifications(filter: {folder: ARCHIVE}) { nodes { id } } }"
        return [each["id"] for each in site.execute("alice", query)["notifications"]["nodes"]]

    await eventually(archived, [ids["three"]])

    async def left() -> list[tuple[str, bool]]:
        query = "{ notifications { nodes { title read } } }"
        nodes = site.execute("alice", query)["notifications"]["nodes"]
        return [(each["title"], each["read"]) for each in nodes]

    await eventually(left, [("one", True)])
    after = site.execute("alice", "{ notifications { position } }")["notifications"]["position"]
    # The number of changes is in the middle of the position.
    assert int(after.split(".")[1]) - int(position.split(".")[1]) == 3
    await expect(inbox.root.get_by_text("Not sent yet")).to_have_count(0)
    assert await inbox.titles() == ["one"]
    monitor.console.clear()


async def test_what_fails_is_said_in_words_for_users(
    page: Page, site: Site, monitor: PageMonitor
) -> None:
    """A close that the change itself has caused is final. Its code says nothing to users."""
    site.send("alice", "one")
    closes: list[asyncio.Future[None]] = []

    async def on_socket(route: WebSocketRoute) -> None:
        server = route.connect_to_server()

        def on_message(message: str | bytes) -> None:
            if "archive(id" in str(message):
                close = route.close(code=1009, reason="Message too big")
                closes.append(asyncio.ensure_future(close))
            else:
                server.send(message)

        route.on_message(on_message)

    await page.route_web_socket("**/graphql/", on_socket)
    inbox = await open_page(page, "/graphql/", attributes=f'token="{site.token("alice")}"')
    await eventually(inbox.titles, ["one"])
    await inbox.press("one", "Archive")
    words = "That did not work. Please try again."
    await expect(inbox.root.locator(".problem span")).to_have_text(words)
    await eventually(inbox.titles, ["one"])


@pytest.mark.parametrize("code", ["SERVICE_UNAVAILABLE", "UNAUTHENTICATED"])
async def test_a_change_that_the_server_cannot_make_now_is_made_later(
    page: Page, site: Site, code: str
) -> None:
    """While it waits, the connection is made anew, and the status says that something is to be sent."""
    site.send("alice", "one")
    refused: list[str] = []

    async def on_socket(route: WebSocketRoute) -> None:
        server = route.connect_to_server()

        def on_message(message: str | bytes) -> None:
            text = str(message)
            if "archive(id" not in text or len(refused) == 2:
                server.send(message)
                return
            refused.append(text)
            errors = [{"message": "Not now.", "extensions": {"code": code}}]
            route.send(
                json.dumps({"id": json.loads(text)["id"], "type": "error", "payload": errors})
            )

        route.on_message(on_message)

    await page.route_web_socket("**/graphql/", on_socket)
    inbox = await open_page(page, "/graphql/", attributes=f'token="{site.token("alice")}"')
    await eventually(inbox.titles, ["one"])
    await inbox.press("one", "Archive")
    await expect(inbox.status).to_contain_text("1 change will be sent")

    async def is_archived() -> bool:
        await page.evaluate("document.querySelector('notification-inbox').source.reconnectNow()")
        return site.titles("alice") == []

    await eventually(is_archived, True)
    assert len(refused) == 2
    await expect(inbox.root.locator(".problem")).to_be_hidden()
    await expect(inbox.status).to_have_attribute("data-state", "live")


RECORD_STATUS = """
  const status = document.querySelector("notification-inbox").shadowRoot.querySelector(".status");
  window.said = [];
  window.signedOut = 0;
  new MutationObserver(() => window.said.push(status.textContent)).observe(status, { childList: true });
  addEventListener("signed-out", () => { window.signedOut += 1 });
"""


async def test_a_device_that_an_administrator_disconnects_comes_back(
    page: Page, open_context: Opener, site: Site
) -> None:
    """Each time, with the token that it has: its sign-in is as good as before, and nothing says otherwise."""
    site.send("alice", "one")
    token = site.token("alice")
    inbox = await open_page(page, "/graphql/", attributes=f'remember="alice" token="{token}"')
    await expect(inbox.status).to_have_text("Live")
    await page.evaluate(RECORD_STATUS)
    admin = await (await open_context()).new_page()
    await sign_in(admin)
    await admin.goto("/admin/live_inbox/inbox/")
    await admin.get_by_role("link", name="alice").click()
    for time in (1, 2):
        await admin.get_by_role("button", name="Disconnect").click()
        await expect(admin.get_by_text("The device is disconnected.")).to_be_visible()

        async def losses() -> int:
            said = await page.evaluate("window.said")
            return sum(text == "Connection lost · reconnecting…" for text in said)

        await eventually(losses, time)
        await expect(inbox.status).to_have_attribute("data-state", "live")
        site.send("alice", f"after {time}")
        await expect(inbox.items.first).to_contain_text(f"after {time}")
        await admin.reload()
    assert await page.evaluate("window.signedOut") == 0
    assert await page.evaluate("localStorage['notification-inbox:alice'].includes('after 1')")
