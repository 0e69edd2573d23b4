"""GraphiQL, in a real browser, on a real server."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page, expect

from tests.pages.conftest import Opener
from tests.pages.page_monitor import PageMonitor
from tests.pages.site import Site
from tests.pages.waiting import eventually

pytestmark = [pytest.mark.stack("embedded"), pytest.mark.asyncio(loop_scope="session")]


async def open_graphiql(page: Page, tab: str) -> None:
    """Open the page at one of the example tabs, as Alice."""
    await page.goto("/graphql/")
    await page.get_by_role("tab", name=tab).click()


async def run(page: Page, operation: str | None = None) -> None:
    """Run the operation in the tab."""
    await page.get_by_role("button", name="Execute query").click()
    if operation is not None:
        await page.get_by_role("menuitem", name=operation).click()


async def result(page: Page) -> str:
    """Return the text of the result window, without whitespace."""
    lines = await page.locator(".result-window .view-line").all_inner_texts()
    return "".join("".join(lines).split())


async def expect_result(page: Page, *texts: str) -> None:
    """Wait until the result window shows all of these texts."""

    async def missing() -> list[str]:
        shown = await result(page)
        return [text for text in texts if text not in shown]

    await eventually(missing, [])


async def expect_live(page: Page, site: Site) -> None:
    """Wait until the page says that the subscription is live, and the server has it: that may come a moment later."""
    await expect(page.locator(".toolbar .status")).to_have_text("Subscription: live")

    async def is_subscribed() -> bool:
        return site.subscriptions() > 0

    await eventually(is_subscribed, True)


async def test_the_examples_are_ready_to_run(page: Page, site: Site) -> None:
    site.send("alice", "Hello")
    await open_graphiql(page, "List")
    tabs = page.get_by_role("tab")
    assert await tabs.all_inner_texts() == ["List", "Send", "MarkRead", "Live", "Resume"]
    await run(page)
    await expect_result(page, '"unreadCount":1', '"title":"Hello"')
    await page.get_by_role("tab", name="Send").click()
    await run(page)
    await expect_result(page, '"title":"HellofromGraphiQL"', '"suppressed":false')
    assert site.titles("alice") == ["Hello from GraphiQL", "Hello"]


async def test_a_subscription_streams(page: Page, site: Site) -> None:
    await open_graphiql(page, "Live")
    await run(page)
    await expect_live(page, site)
    site.send("alice", "Streamed")
    await expect_result(page, '"__typename":"NotificationAdded"', '"title":"Streamed"')


async def test_a_subscription_resumes_after_a_position(page: Page, site: Site) -> None:
    position = site.execute("alice", "{ notifications { position } }")["notifications"]["position"]
    site.send("alice", "Missed")
    await open_graphiql(page, "Resume")
    await page.locator("section[aria-label=Variables] textarea").first.focus()
    await page.keyboard.press("Control+A")
    # Pasted, because the editor would complete what is typed.
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.evaluate(
        "text => navigator.clipboard.writeText(text)", json.dumps({"after": position})
    )
    await page.keyboard.press("Control+V")
    await run(page)
    await expect_result(page, '"title":"Missed"')


async def running_workers(page: Page) -> set[str]:
    """Return the names of the editor's workers that have been loaded and answer."""
    running: set[str] = set()
    for worker in page.workers:
        with suppress(PlaywrightError):  # it has ended, and another takes its place
            await worker.evaluate("0")
            running.add(worker.url.rsplit("/", 1)[-1].split(".")[0])
    return running


async def test_the_reason_is_shown_when_a_subscription_ends(page: Page, site: Site) -> None:
    await open_graphiql(page, "Live")
    await run(page)
    await expect_live(page, site)
    site.send("alice", "The last")
    await expect_result(page, '"title":"Thelast"')
    # Otherwise they would be fetched while the server is down, and the editor would report an error.
    await eventually(lambda: running_workers(page), {"editor", "graphql", "json"})
    site.server.restart()
    await expect(page.locator(".toolbar .status")).to_contain_text("Subscription ended: 1012")
    await expect(page.locator(".toolbar .status")).to_contain_text("To resume, subscribe after")


async def sequences(page: Page) -> list[str]:
    """Return the numbers of the events in the log."""
    return await page.locator(".event-log .event b").all_inner_texts()


async def test_live_goes_on_in_another_tab(page: Page, site: Site) -> None:
    """As the examples say: run Live, then send from another tab, and watch."""
    await open_graphiql(page, "Live")
    await run(page)
    await expect_live(page, site)
    await page.get_by_role("tab", name="Send").click()
    await run(page)
    await expect_result(page, '"title":"HellofromGraphiQL"', '"suppressed":false')
    log = page.get_by_role("region", name="Events")
    await expect(log.locator(".event")).to_have_count(1)
    await expect(log.locator(".event")).to_contain_text("Hello from GraphiQL")
    await run(page)
    await expect(log.locator(".event")).to_have_count(2)
    await expect(log.locator(".checked")).to_have_text("2 events · none missing · none twice")
    first, second = [int(number) for number in await sequences(page)]
    assert second == first + 1
    await log.get_by_role("button", name="Stop").click()
    await expect(page.locator(".toolbar .status")).to_have_text("Subscription stopped.")


async def test_the_button_of_graphiql_stops_the_subscription(page: Page, site: Site) -> None:
    await open_graphiql(page, "Live")
    await run(page)
    await expect_live(page, site)
    await page.get_by_role("button", name="Stop query").click()
    await expect(page.locator(".toolbar .status")).to_have_text("Subscription stopped.")


async def test_the_log_shows_a_resume(page: Page, site: Site) -> None:
    await open_graphiql(page, "Live")
    await run(page)
    await expect_live(page, site)
    site.send("alice", "before")
    log = page.get_by_role("region", name="Events")
    await expect(log.locator(".event")).to_have_count(1)
    await log.get_by_role("button", name="Lose the connection").click()
    await expect(page.locator(".toolbar .status")).to_contain_text("Subscription ended")
    for title in ("1", "2"):
        site.send("alice", title)
    await log.get_by_role("button", name="Resume").click()
    await expect_live(page, site)
    site.send("alice", "after")
    await expect(log.locator(".event")).to_have_count(4)
    await expect(log.locator(".event em")).to_have_count(2)
    await expect(log.locator(".checked")).to_have_text("4 events · none missing · none twice")
    first, *others = [int(number) for number in await sequences(page)]
    assert others == [first + 1, first + 2, first + 3]


async def test_it_is_usable_on_a_phone(open_context: Opener, site: Site) -> None:
    site.send("alice", "Hello")
    context = await open_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = await context.new_page()
    await open_graphiql(page, "List")
    await run(page)
    await expect_result(page, '"title":"Hello"')
    for part in (".graphiql-query-editor", ".result-window"):
        box = await page.locator(part).bounding_box()
        assert box is not None
        assert (box["width"] > 280, box["height"] > 120) == (True, True)
    assert await page.evaluate("document.documentElement.scrollWidth") == 390


async def test_a_token_is_used_and_never_stored(page: Page, site: Site) -> None:
    site.send("bob", "For Bob")
    token = site.token("bob")
    await open_graphiql(page, "List")
    await page.get_by_label("Ask as").select_option("token")
    await page.get_by_placeholder("Paste an access token").fill(token)
    await run(page)
    await expect_result(page, '"title":"ForBob"')
    await page.reload()
    await expect(page.get_by_role("tab", name="List")).to_be_visible()
    stored = await page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert token not in stored


async def test_a_refused_token_is_reported(page: Page, site: Site) -> None:
    await open_graphiql(page, "List")
    await page.get_by_label("Ask as").select_option("token")
    await page.get_by_placeholder("Paste an access token").fill("nonsense")
    await run(page)
    await expect_result(page, '"code":"UNAUTHENTICATED"')
    await page.get_by_role("tab", name="Live").click()
    await run(page)
    await expect(page.locator(".toolbar .status")).to_contain_text("Subscription ended: 44")


async def test_the_documentation_can_be_explored(page: Page, site: Site) -> None:
    await open_graphiql(page, "List")
    await page.get_by_role("button", name="Show Documentation Explorer").click()
    await page.get_by_role("link", name="Subscription", exact=True).click()
    await expect(page.get_by_text("Every change of the caller's inbox")).to_be_visible()


async def test_a_signed_in_user_needs_no_token(page: Page, site: Site) -> None:
    await page.goto("/admin/login/?next=/graphql/")
    await page.get_by_label("Username").fill("admin")
    await page.get_by_label("Password").fill("demo")
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_label("Ask as")).to_have_value("session")
    await page.get_by_role("tab", name="Send").click()
    await run(page)
    await expect_result(page, '"title":"HellofromGraphiQL"')


async def test_strings_become_no_scripts(page: Page, site: Site, monitor: PageMonitor) -> None:
    """Trusted types: HTML from strings is sanitized, and no script makes a policy that does not."""
    await open_graphiql(page, "List")
    html = await page.evaluate(
        """() => {
          const element = document.createElement("div");
          element.innerHTML = "<b>bold</b><img src='data:,' onerror='alert(1)'><script>alert(1)</script>";
          return element.innerHTML;
        }"""
    )
    assert html == '<b>bold</b><img src="data:,">'
    assert monitor.violations == []
    refused = """() => [
      () => trustedTypes.createPolicy("own", { createHTML: (html) => html }),
      () => new Worker("https://evil.example/worker.js"),
    ].map((attempt) => { try { attempt(); return "done"; } catch (error) { return error.name; } })"""
    assert await page.evaluate(refused) == ["TypeError", "TypeError"]
    await eventually(lambda: violated(monitor), ["require-trusted-types-for", "trusted-types"])
    monitor.violations.clear()
    monitor.console.clear()


async def violated(monitor: PageMonitor) -> list[str]:
    """Return the directives that a page has violated, in the order of the alphabet."""
    return sorted(report.split(" ")[0] for report in monitor.violations)


async def test_the_editor_works_under_the_policy(page: Page, site: Site) -> None:
    """What Monaco makes of strings: suggestions, its commands, and its search."""
    await open_graphiql(page, "List")
    await eventually(lambda: running_workers(page), {"editor", "graphql", "json"})
    editor = page.locator("section[aria-label='Operation Editor']")
    await editor.get_by_text("unreadCount").click()
    await page.keyboard.press("End")
    await page.keyboard.type(" to")
    await expect(page.locator(".suggest-widget .monaco-list-row").first).to_be_visible()
    await page.keyboard.press("Escape")
    await page.keyboard.press("Control+F")
    await expect(editor.locator(".find-widget")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.keyboard.press("F1")
    await expect(page.locator(".quick-input-widget")).to_be_visible()
