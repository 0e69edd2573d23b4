"""The parts that few notifications have, in `<notification-inbox>`: pictures, buttons, formatted messages."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.async_api import Page, expect

from tests.pages.embedding import OtherSite
from tests.pages.inbox_view import InboxView
from tests.pages.page_monitor import PageMonitor
from tests.pages.site import Site
from tests.pages.test_accessibility import audit
from tests.pages.test_live_page import open_live
from tests.pages.waiting import eventually

pytestmark = [pytest.mark.stack("embedded"), pytest.mark.asyncio(loop_scope="session")]

TITLES = ".group li bdi:last-of-type"
APPROVE = [
    {"label": "Approve", "actionId": "approve"},
    {"label": "Reject", "actionId": "reject"},
    {"label": "Open", "link": "/requests/7"},
]
PERFORM = (
    "mutation ($id: ID!, $action: String!) "
    "{ performAction(id: $id, actionId: $action) { recorded notification { performedAction } } }"
)


def perform(site: Site, id: str, action: str) -> dict[str, Any]:
    """Choose an action on another device."""
    found: dict[str, Any] = site.execute("alice", PERFORM, id=id, action=action)["performAction"]
    return found


# -- groups --------------------------------------------------------------------------------------------------


async def test_a_group_is_one_row_that_expands(other_page: OtherSite, site: Site) -> None:
    def comment(name: str) -> str:
        return site.send("alice", f"{name} commented", groupKey="post-7", actor={"name": name})

    comment("Ana")
    site.send("alice", "other")
    inbox = await other_page.open()
    comment("Bob")
    await eventually(inbox.titles, ["Bob commented", "other"])
    await eventually(inbox.count, "2 unread")
    last = comment("Cid")
    await eventually(inbox.titles, ["Cid commented", "other"])
    item = inbox.item("Cid commented")
    more = item.get_by_role("button", name="2 more: Cid commented")
    await expect(item.locator(".group")).to_contain_text("\u2068Bob\u2069, \u2068Ana\u2069")
    await more.click()
    await expect(more).to_have_attribute("aria-expanded", "true")
    folded = item.locator(".group li bdi")
    await expect(folded).to_have_text(["Bob", "Bob commented", "Ana", "Ana commented"])
    assert await audit(other_page.page) == []
    await more.click()
    await expect(item.locator(".group li").first).to_be_hidden()
    await item.focus()
    await other_page.page.keyboard.press("e")
    await eventually(inbox.titles, ["other"])
    archive = "{ notifications(filter: {folder: ARCHIVE}) { nodes { id } } }"

    async def archived() -> list[dict[str, str]]:
        return list(site.execute("alice", archive)["notifications"]["nodes"])

    await eventually(archived, [{"id": last}])


async def test_an_open_group_stays_open_for_what_comes_to_it(
    other_page: OtherSite, site: Site
) -> None:
    first, *_ = [site.send("alice", name, groupKey="post-7") for name in ("Ana", "Bob", "Cid")]
    inbox = await other_page.open()
    await inbox.item("Cid").get_by_role("button", name="2 more: Cid").click()
    await expect(inbox.item("Cid").locator(TITLES)).to_have_text(["Bob", "Ana"])
    # A list does not change under the pointer.
    await other_page.page.mouse.move(1, 1)
    # Of what was folded, one is taken back: the number is what the group has now.
    recall = "mutation($id: ID!) { recall(id: $id) { recalled } }"
    assert site.execute("alice", recall, id=first)["recall"]["recalled"]
    site.send("alice", "Dan", groupKey="post-7")
    await eventually(inbox.titles, ["Dan"])
    item = inbox.item("Dan")
    await expect(item.locator(TITLES)).to_have_text(["Cid", "Bob"])
    await expect(item.locator(".group button")).to_have_text("2 more")
    await item.locator(".group button").click()
    await expect(item.locator(".group li").first).to_be_hidden()
    await other_page.page.mouse.move(1, 1)
    site.send("alice", "Eve", groupKey="post-7")
    await eventually(inbox.titles, ["Eve"])
    await expect(inbox.item("Eve").locator(".group button")).to_have_attribute(
        "aria-expanded", "false"
    )


# -- buttons -------------------------------------------------------------------------------------------------


async def test_a_choice_is_made_once_and_shown(other_page: OtherSite, site: Site) -> None:
    id = site.send("alice", "May I?", actions=APPROVE)
    inbox = await other_page.open()
    item = inbox.item("May I?")
    approve = item.get_by_role("button", name="Approve")
    await approve.click()
    await expect(approve).to_have_attribute("aria-pressed", "true")
    await expect(approve).to_be_disabled()
    await expect(item.get_by_role("button", name="Reject")).to_be_disabled()
    await expect(item.get_by_role("button", name="Reject")).to_have_attribute(
        "aria-pressed", "false"
    )
    await eventually(inbox.unread, [])
    chosen = {"recorded": False, "notification": {"performedAction": "approve"}}
    assert perform(site, id, "reject") == chosen


async def test_the_choice_of_another_device_is_shown(other_page: OtherSite, site: Site) -> None:
    id = site.send("alice", "May I?", actions=APPROVE)
    inbox = await other_page.open()
    reject = inbox.item("May I?").get_by_role("button", name="Reject")
    await expect(reject).to_be_enabled()
    assert perform(site, id, "reject")["recorded"]
    await expect(reject).to_have_attribute("aria-pressed", "true")
    await expect(reject).to_be_disabled()
    # It is not this device that has read it.
    await eventually(inbox.unread, ["May I?"])


async def test_keys_reach_the_buttons_and_the_focus_stays(
    other_page: OtherSite, site: Site
) -> None:
    site.send("alice", "May I?", actions=APPROVE)
    inbox = await other_page.open()
    item = inbox.item("May I?")
    reject = item.get_by_role("button", name="Reject")
    await expect(reject).to_be_visible()
    await item.focus()
    keyboard = other_page.page.keyboard
    await keyboard.press("ArrowRight")
    await keyboard.press("ArrowRight")
    await expect(reject).to_be_focused()
    await keyboard.press("Enter")
    await expect(reject).to_have_attribute("aria-pressed", "true")
    await expect(reject).to_be_focused()
    link = item.get_by_role("link", name="Open")
    await keyboard.press("ArrowRight")
    await expect(link).to_be_focused()
    await expect(link).to_have_attribute("href", "/requests/7")


async def test_rows_with_parts_are_accessible(other_page: OtherSite, site: Site) -> None:
    site.send("alice", "Plain", message="**not bold**")
    for title in ("Chosen", "Open"):
        id = site.send(
            "alice",
            title,
            link="/",
            message="Some **bold**, `code` and a [link](/a).\n\n- one\n- two",
            format="MARKDOWN",
            actor={"name": "Ana"},
            actions=APPROVE,
        )
        if title == "Chosen":
            perform(site, id, "approve")
    inbox = await other_page.open()
    await expect(inbox.item("Chosen").get_by_role("button", name="Approve")).to_be_disabled()
    await expect(inbox.item("Open").locator("strong")).to_have_text("bold")
    assert await audit(other_page.page) == []
    await inbox.item("Open").hover()
    assert await audit(other_page.page) == []


async def test_plain_rows_load_nothing_more(other_page: OtherSite, site: Site) -> None:
    target = {"type": "shop.order", "objectId": "7"}
    site.send("alice", "Plain", type="plain", link="/", target=target)
    asked: list[str] = []
    other_page.page.on("request", lambda request: asked.append(request.url))
    inbox = await other_page.open()
    await eventually(inbox.titles, ["Plain"])
    assert not [address for address in asked if "notification-inbox.parts" in address]
    site.send("alice", "With parts", actor={"name": "Ana"})
    await expect(inbox.item("With parts").locator(".avatar")).to_have_text("A")
    assert [address for address in asked if "notification-inbox.parts" in address]


# -- both protocols, and pictures ----------------------------------------------------------------------------


async def test_the_demo_shows_parts_over_both_protocols(
    page: Page, site: Site, monitor: PageMonitor
) -> None:
    first, second = await open_live(page)
    icon = await page.locator('link[rel="icon"]').get_attribute("href")
    assert icon is not None
    site.send("alice", "May I?", actions=APPROVE, actor={"name": "Ana", "picture": icon})
    await _choose_and_follow(first, second)


async def _choose_and_follow(first: InboxView, second: InboxView) -> None:
    for inbox in (first, second):
        picture = inbox.item("May I?").locator(".avatar img")
        await expect(picture).to_be_visible()
        assert await picture.evaluate("each => each.decode().then(() => each.naturalWidth > 0)")
    approve = second.item("May I?").get_by_role("button", name="Approve")
    await approve.click()
    await expect(approve).to_have_attribute("aria-pressed", "true")
    followed = first.item("May I?").get_by_role("button", name="Approve")
    await expect(followed).to_have_attribute("aria-pressed", "true")


# -- Markdown ------------------------------------------------------------------------------------------------

RENDERED = {
    "plain": "<p>plain</p>",
    "a **b** c": "<p>a <strong>b</strong> c</p>",
    "a *b* c": "<p>a <em>b</em> c</p>",
    "**a *b* c**": "<p><strong>a <em>b</em> c</strong></p>",
    "`a *b* c`": "<p><code>a *b* c</code></p>",
    "[a](/b)": '<p><a href="/b" rel="noopener noreferrer" tabindex="-1">a</a></p>',
    "one\ntwo\n\nthree": "<p>one\ntwo</p><p>three</p>",
    "- a\n- **b**\n\n1. c\n2) d": "<ul><li>a</li><li><strong>b</strong></li></ul><ol><li>c</li><li>d</li></ol>",
    "- a\n\n- b": "<ul><li>a</li></ul><ul><li>b</li></ul>",
    "2 * 3 * 4": "<p>2 * 3 * 4</p>",
    "a ** b": "<p>a ** b</p>",
    "**open": "<p>**open</p>",
    "*a **b* c**": "<p><em>a **b</em> c**</p>",
    "\\*a\\* \\[b](c)": "<p>*a* [b](c)</p>",
    "<b>&amp;</b>": "<p>&lt;b&gt;&amp;amp;&lt;/b&gt;</p>",
    "# no heading\n> no quote": "<p># no heading\n&gt; no quote</p>",
    "": "",
    " \n\n ": "",
}
ATTACKS = [
    "<script>attacked = true</script>",
    "<img src=x onerror=attacked=true>",
    "<svg/onload=attacked=true>",
    "[x](javascript:attacked=true)",
    "[x](JaVaScRiPt:attacked=true)",
    "[x](java\tscript:attacked=true)",
    "[x](\x01javascript:attacked=true)",
    "[x](data:text/html,<script>attacked=true</script>)",
    "[x](vbscript:attacked)",
    "[x](//evil.example)",
    "[x](/\\evil.example)",
    "[x](\\\\evil.example)",
    "[x](https:evil)",
    "[x](http://)",
    '[x](/a"onmouseover="attacked=true)',
    "[<img src=x onerror=attacked=true>](/a)",
    "`<img src=x onerror=attacked=true>`",
    "**<iframe srcdoc='<script>parent.attacked=true</script>'>**",
    "- <details open ontoggle=attacked=true>",
    "![x](https://evil.example/pixel.png)",
    "[x][y]\n\n[y]: javascript:attacked=true",
    "<javascript:attacked=true>",
    "[[x](/a)](javascript:attacked=true)",
    "[x](&#106;avascript:attacked=true)",
]
RENDER = """
async ([address, texts]) => {
  const { markdown } = await import(address);
  return texts.map((text) => {
    const place = document.createElement("div");
    place.append(...markdown(text));
    document.body.append(place);
    const elements = [...place.querySelectorAll("*")].map((each) => [
      each.localName, Object.fromEntries([...each.attributes].map(({ name, value }) => [name, value])),
    ]);
    const found = { html: place.innerHTML, text: place.textContent, elements, attacked: "attacked" in window };
    place.remove();
    return found;
  });
}
"""


async def rendered(page: Page, site: Site, texts: list[str]) -> list[dict[str, Any]]:
    """Return what becomes of messages: HTML, text, and each element with its attributes."""
    address = f"{site.http}/notification-inbox.parts.js"
    found: list[dict[str, Any]] = await page.evaluate(RENDER, [address, texts])
    return found


def is_harmless(found: dict[str, Any]) -> bool:
    """Whether a message has become nothing but what the subset has, with links to where links may lead."""
    for name, attributes in found["elements"]:
        if name == "a":
            href = attributes.pop("href")
            if attributes != {"rel": "noopener noreferrer", "tabindex": "-1"}:
                return False
            if not re.match(r"/(?![/\\])|https?:", href):
                return False
        elif name not in {"p", "ul", "ol", "li", "strong", "em", "code"} or attributes:
            return False
    return not found["attacked"]


async def test_markdown_becomes_what_the_page_says(other_page: OtherSite, site: Site) -> None:
    await other_page.open()
    found = await rendered(other_page.page, site, list(RENDERED))
    assert {text: each["html"] for text, each in zip(RENDERED, found, strict=True)} == RENDERED
    assert all(map(is_harmless, found))


async def test_attacks_stay_text(other_page: OtherSite, site: Site, monitor: PageMonitor) -> None:
    await other_page.open()
    found = await rendered(other_page.page, site, ATTACKS)
    assert [text for text, each in zip(ATTACKS, found, strict=True) if not is_harmless(each)] == []
    kept = [each["text"] for text, each in zip(ATTACKS, found, strict=True) if text[0] == "<"]
    assert kept == [text for text in ATTACKS if text[0] == "<"]


PIECES = st.sampled_from(
    [
        *"*[]()`\\<>\"'&-/:#! \n\t",
        *("**", "- ", "1. ", "](", "javascript:", "https://a", "/a", "//", "a"),
        *("*a*", "[a](/b)", "<i>", "[a](javascript:b)"),
    ]
)
TEXTS = st.lists(PIECES | st.characters(exclude_categories=["Cs"]), max_size=30).map("".join)


async def test_no_text_becomes_anything_else(other_page: OtherSite, site: Site) -> None:
    await other_page.open()
    texts: list[str] = []

    @settings(max_examples=60, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(TEXTS, min_size=20, max_size=20))
    def draw(some: list[str]) -> None:
        texts.extend(some)

    draw()
    assert len(texts) > 1000
    # Whatever was drawn, each element is there once.
    texts += ["- *a*", "1. **a**", "`a`", "[a](/b)"]
    found = await rendered(other_page.page, site, texts)
    assert [text for text, each in zip(texts, found, strict=True) if not is_harmless(each)] == []
    names = {name for each in found for name, _ in each["elements"]}
    assert names == {"p", "ul", "ol", "li", "strong", "em", "code", "a"}


async def test_what_is_not_markdown_is_shown_as_it_is(other_page: OtherSite, site: Site) -> None:
    site.send("alice", "plain", message="**a** [b](/c)", actor={"name": "Ana"})
    site.send("alice", "formatted", message="**a** [b](/c)", format="MARKDOWN")
    inbox = await other_page.open()
    await expect(inbox.item("plain").locator(".avatar")).to_be_visible()
    await expect(inbox.item("plain").locator(".message")).to_have_text("**a** [b](/c)")
    formatted = inbox.item("formatted").locator(".message")
    await expect(formatted).to_have_text("a b")
    await expect(formatted.get_by_role("link", name="b")).to_have_attribute("href", "/c")
