"""`<notification-inbox>` over 100,000 events: what it keeps does not grow with what has happened.

No server makes so many events in the time of a test. It makes one of each kind, and the page repeats them on the same
socket with other ids and positions: the client and the element handle them as all others.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from playwright.async_api import CDPSession, Page, expect

from tests.pages.embedding import OtherSite
from tests.pages.inbox_view import InboxView
from tests.pages.site import Site
from tests.pages.waiting import eventually

pytestmark = [pytest.mark.stack("embedded"), pytest.mark.asyncio(loop_scope="session")]

RECORD = """
  const Original = window.WebSocket;
  window.samples = {};
  window.WebSocket = class extends Original {
    constructor(...given) {
      super(...given);
      window.socket = this;
      this.addEventListener("message", ({ data, isTrusted }) => {
        const { type, payload } = JSON.parse(data);
        const event = isTrusted && type === "next" && Object.values(payload.data)[0];
        if (event.position && event.__typename) window.samples[event.__typename] = event;
      });
    }
    send(text) {
      const { type, id, payload } = JSON.parse(text);
      if (type === "subscribe" && payload.query.includes("notificationEvents(")) window.subscription = id;
      super.send(text);
    }
  };
"""
"""Keeps the socket of the page, the id of its subscription, and an event of each kind as the server has sent it."""

REPEAT = """
async ([events, staying, forGood]) => {
  const { NotificationAdded: added, NotificationUpdated: updated, NotificationDeleted: deleted } = window.samples;
  const [epoch, sequence, fingerprint] = deleted.position.split(".");
  window.sequence ??= Number(sequence);
  window.newest ??= Number(added.notification.rank);
  const receive = (event) => {
    window.sequence += 1;
    const position = `${epoch}.${window.sequence}.${fingerprint}`;
    const payload = { data: { notificationEvents: { ...event, position } } };
    const data = JSON.stringify({ id: window.subscription, type: "next", payload });
    window.socket.dispatchEvent(new MessageEvent("message", { data }));
  };
  const about = (event, number) => {
    const changed = { id: String(number), rank: String(number), title: `n${number}` };
    return { ...event, notification: { ...event.notification, ...changed } };
  };
  const remove = (number) => receive({ ...deleted, notificationId: String(number) });
  let applied = 0;
  const count = () => { applied += 1 };
  addEventListener("inbox-event", count);
  let shown = [];
  while (applied < events) {
    const arrived = Array.from({ length: 200 }, () => ++window.newest);
    for (const number of arrived) receive(about(added, number));
    for (const number of arrived.slice(0, 100)) receive(about(updated, number));
    for (const number of arrived.slice(0, -staying)) remove(number);
    for (const number of shown) remove(number);
    shown = forGood ? [] : arrived.slice(-staying);
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  }
  for (const number of shown) remove(number);
  removeEventListener("inbox-event", count);
}
"""
"""Receives events until the element has reported so many: in each frame 200 arrivals, half of which are read, and all
but `staying` of which are deleted at once. Those that stay are on the screen. They are deleted in the next
frame, unless `forGood`.
"""

SIZES = "function () { return this.reduce((sum, { length, size = length }) => sum + size, 0) }"


@dataclass
class Kept:
    """What the page keeps: counts after a garbage collection."""

    heap_bytes: int
    nodes: int
    listeners: int
    entries: int
    """In all arrays, maps and sets together."""


async def measure(cdp: CDPSession) -> Kept:
    """Collect garbage and count what is left."""
    entries = 0
    for kind in ("Array", "Map", "Set"):
        group = {"objectGroup": "measured"}
        prototype = await cdp.send("Runtime.evaluate", {"expression": f"{kind}.prototype", **group})
        objects = await cdp.send(
            "Runtime.queryObjects",
            {"prototypeObjectId": prototype["result"]["objectId"], **group},
        )
        target = {"objectId": objects["objects"]["objectId"], "returnByValue": True}
        sum_ = await cdp.send("Runtime.callFunctionOn", {"functionDeclaration": SIZES, **target})
        entries += sum_["result"]["value"]
        await cdp.send("Runtime.releaseObjectGroup", group)
    await cdp.send("HeapProfiler.collectGarbage")
    metrics = (await cdp.send("Performance.getMetrics"))["metrics"]
    values = {each["name"]: int(each["value"]) for each in metrics}
    return Kept(values["JSHeapUsedSize"], values["Nodes"], values["JSEventListeners"], entries)


@pytest.mark.parametrize(
    ("attributes", "first", "then", "staying", "for_good"),
    [
        ("title-badge", 20_000, 80_000, 10, False),
        # Longer than 1,000, the list is read anew: seven times.
        ('remember="alice"', 5_000, 15_000, 150, True),
        ('alerts="toast"', 1_000, 4_000, 10, False),
    ],
    ids=["100000-events", "long-lists", "toasts"],
)
async def test_what_is_kept_does_not_grow_with_the_number_of_events(
    page: Page,
    other_page: OtherSite,
    site: Site,
    attributes: str,
    first: int,
    then: int,
    staying: int,
    for_good: bool,
) -> None:
    site.send("alice", "before")
    await page.add_init_script(RECORD)
    inbox = await other_page.open(f"inline {attributes}")
    await make_one_of_each(site, inbox)
    cdp = await page.context.new_cdp_session(page)
    await cdp.send("Performance.enable")
    await cdp.send("HeapProfiler.enable")
    kept = []
    for events in (first, then):
        await page.evaluate(REPEAT, [events, staying, for_good])
        if for_good:
            await page.evaluate("document.querySelector('notification-inbox').source.reload()")
        await eventually(inbox.titles, ["before"])
        kept.append(await measure(cdp))
    before, after = kept
    # Of 140 rows that are gone, the list may know the heights. One entry for each of 160 frames would be more.
    assert after.entries - before.entries < 150
    assert after.nodes - before.nodes < 50
    assert after.listeners - before.listeners < 50
    # Less than one reference, of 4 bytes, for each of 80,000 events; more than the code that is compiled meanwhile.
    assert after.heap_bytes - before.heap_bytes < 300_000


async def test_arrivals_while_a_pointer_is_on_the_list_wait_as_far_as_there_is_room(
    page: Page, other_page: OtherSite, site: Site
) -> None:
    """It may be there all night. What finds no room is in the list as soon as the user wants to see it."""
    site.send("alice", "before")
    await page.add_init_script(RECORD)
    inbox = await other_page.open("inline")
    await make_one_of_each(site, inbox)
    cdp = await page.context.new_cdp_session(page)
    await cdp.send("Performance.enable")
    await cdp.send("HeapProfiler.enable")
    await inbox.item("before").hover()
    kept = []
    for events in (8_000, 12_000):
        await page.evaluate(REPEAT, [events, 200, True])
        kept.append(await measure(cdp))
    before, after = kept
    assert after.entries - before.entries < 50
    assert after.nodes - before.nodes < 50
    # Of 5,000 arrivals, each of which takes more than 300 bytes.
    assert after.heap_bytes - before.heap_bytes < 200_000
    assert await inbox.titles() == ["before"]
    await inbox.root.get_by_role("button", name="↑ 1,999 new").click()
    # As the server has it, which has sent none of these.
    await eventually(inbox.titles, ["before"])
    await expect(inbox.root.locator(".new-above")).to_be_hidden()


async def make_one_of_each(site: Site, inbox: InboxView) -> None:
    """Make an event of each kind that the page repeats."""
    id_ = site.send("alice", "one")
    await expect(inbox.item("one")).to_be_visible()
    for mutation in ("markRead", "delete"):
        site.execute(
            "alice", f"mutation ($id: ID!) {{ {mutation}(id: $id) {{ position }} }}", id=id_
        )
    await eventually(inbox.titles, ["before"])
