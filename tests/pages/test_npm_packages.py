"""The npm packages as a project gets them: packed, installed in a sample, imported without a browser, and in a browser.

Packing takes 10 seconds and installing the sample with Vite 20, once for all of these tests. The sample with Next takes
a minute the first time, and a quarter of it from then on: its directory in `var/` keeps the packages and the cache of
Next's compiler.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, expect

import live_inbox
from live_inbox_site.building import REPOSITORY, find_node
from releasing.artefacts import build_npm
from tests.pages.inbox_view import InboxView
from tests.pages.page_monitor import PageMonitor
from tests.pages.site import Site
from tests.pages.test_accessibility import audit
from tests.pages.waiting import eventually
from tests.stacks.child import Child
from tests.stacks.ports import LOOPBACK, free_port
from tests.stacks.process_registry import ProcessRegistry

pytestmark = [
    pytest.mark.stack("embedded"),
    pytest.mark.timeout(300),
]

PACKAGES = REPOSITORY / "frontend" / "packages"
SAMPLES = REPOSITORY / "frontend" / "samples"
ENTRIES = {
    "live-inbox": "connect createResumingClient follow isApplied resuming sequenceOf",
    "live-inbox/store": "InboxStore",
    "live-inbox/documents": "MarkReadDocument NotificationEventsDocument possibleTypes",
    "live-inbox/element": "NotificationInbox",
    "live-inbox-react": "InboxProvider NotificationInbox useInbox",
}


def node(*command: object, cwd: Path, **environment: str) -> str:
    """Run Node and return what it prints."""
    done = subprocess.run(
        [str(find_node()), *(str(part) for part in command)],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def tarballs(built_pages: None, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The packages, built and packed by `npm pack`."""
    target = tmp_path_factory.mktemp("npm")
    build_npm(REPOSITORY, target)
    return sorted(target.iterdir())


@pytest.fixture(scope="module")
def project(tarballs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample with Vite and React, with the packages installed in it, type-checked and built."""
    directory = tmp_path_factory.mktemp("sample") / "vite-react"
    # For development, where React's StrictMode acts.
    install("vite-react", directory, tarballs, NODE_ENV="development")
    return directory


def install(sample: str, directory: Path, tarballs: list[Path], **environment: str) -> None:
    """Build a sample in this directory, with the packages in the tarballs."""
    command = [PACKAGES / "install_sample.mjs", SAMPLES / sample, directory, *tarballs]
    node(*command, cwd=REPOSITORY, **environment)


def test_a_package_holds_what_it_declares(tarballs: list[Path]) -> None:
    assert [path.name for path in tarballs] == [
        f"{name}-{live_inbox.__version__}.tgz" for name in ("live-inbox", "live-inbox-react")
    ]
    for path in tarballs:
        with tarfile.open(path) as archive:
            names = {name.removeprefix("package/") for name in archive.getnames()}
            described = json.load(archive.extractfile("package/package.json"))  # type: ignore[arg-type]
            texts = [
                archive.extractfile(f"package/{name}").read().decode()  # type: ignore[union-attr]
                for name in names
            ]
        assert {"LICENSE", "README.md"} <= names
        assert described["license"] == "MIT"
        for entry in described["exports"].values():
            files = [entry] if isinstance(entry, str) else entry.values()
            assert {name.removeprefix("./") for name in files} <= names
        # Nothing of this machine, neither a path nor the way there from another, and no module that is missing.
        assert not [text for text in texts if str(REPOSITORY) in text or "// ../" in text]
        imported = {name for text in texts for name in re.findall(r'from "\./(parts/[^"]+)"', text)}
        assert {f"dist/{name}" for name in imported} <= names


def test_the_same_sources_give_the_same_tarballs(tarballs: list[Path], tmp_path: Path) -> None:
    """In another directory, for a user with another umask."""
    tree, target = tmp_path / "tree", tmp_path / "target"
    frontend = tree / "frontend"
    ignored = shutil.ignore_patterns("node_modules", "dist")
    shutil.copytree(REPOSITORY / "frontend", frontend, ignore=ignored)
    (frontend / "node_modules").symlink_to(REPOSITORY / "frontend" / "node_modules")
    for name in ("LICENSE", "backend/live_inbox/__init__.py"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, tree / name)
    target.mkdir()
    mask = os.umask(0o077)
    try:
        build_npm(tree, target)
    finally:
        os.umask(mask)
    for path in tarballs:
        assert (target / path.name).read_bytes() == path.read_bytes()


def test_every_entry_can_be_imported_where_there_is_no_browser(project: Path) -> None:
    script = """
      for (const name of process.argv.slice(1)) {
        console.log(JSON.stringify([name, Object.keys(await import(name))]));
      }
      if (globalThis.HTMLElement || globalThis.customElements) throw new Error("a global was made");
    """
    printed = node("--input-type=module", "-e", script, *ENTRIES, cwd=project)
    found = dict(json.loads(line) for line in printed.splitlines())
    assert found.keys() == ENTRIES.keys()
    for name, expected in ENTRIES.items():
        assert set(expected.split()) <= set(found[name]), name


CONSUMER = """
import { type Connection, createResumingClient, follow } from "live-inbox";
import { MarkReadDocument, possibleTypes, type TypedDocument } from "live-inbox/documents";
import "live-inbox/element";
import { InboxStore } from "live-inbox/store";
import { useInbox } from "live-inbox-react";

const connection: Connection = createResumingClient({ url: "wss://example.com/graphql/" });
const document_: TypedDocument<{ markRead: { position: string } }, { id: string }> = MarkReadDocument;
const count: number = document.createElement("notification-inbox").unreadCount;
// @ts-expect-error An address is needed.
const store = new InboxStore({});
export { connection, count, document_, follow, possibleTypes, store, useInbox };
"""


@pytest.mark.parametrize(
    ("module", "resolution"), [("esnext", "bundler"), ("nodenext", "nodenext")]
)
def test_the_types_are_complete_under_strict_settings(
    project: Path, module: str, resolution: str
) -> None:
    (project / "consumer.ts").write_text(CONSUMER)
    compiler = project / "node_modules" / "typescript" / "bin" / "tsc"
    options = "--ignoreConfig --noEmit --strict --exactOptionalPropertyTypes --target es2022 --jsx react-jsx"
    options += f" --module {module} --moduleResolution {resolution} --lib es2023,dom,dom.iterable"
    node(compiler, *options.split(), "--types", "", "consumer.ts", cwd=project)


def test_what_is_not_used_is_left_out(project: Path) -> None:
    """A project that only connects gets neither the store, nor the element, nor GraphQL's parser."""
    (project / "connects.js").write_text(
        'import { connect } from "live-inbox"; globalThis.connect = connect;'
    )
    script = """
      import { build } from "vite";
      const lib = { entry: "connects.js", formats: ["es"] };
      const [{ output }] = await build({ configFile: false, logLevel: "error", build: { write: false, lib } });
      console.log(output.find(({ isEntry }) => isEntry).code);
    """
    code = node("--input-type=module", "-e", script, cwd=project)
    assert "graphql-transport-ws" in code
    for left_out in ("getState", "notification-inbox", "Syntax Error", "catching-up"):
        assert left_out not in code, left_out


BARE_RUNTIME = """
  import { createRequire } from "node:module";
  const [modules, url, token] = process.argv.slice(1);
  const { WebSocket } = createRequire(modules)("ws");
  const { log } = console;
  const { exit, nextTick } = process;
  const { InboxStore } = await import("live-inbox/store");
  const missing = "fetch URL TextDecoder ReadableStream BroadcastChannel crypto navigator process";
  for (const name of missing.split(" ")) Reflect.deleteProperty(globalThis, name);
  globalThis.window = globalThis;
  globalThis.WebSocket = WebSocket;
  const store = new InboxStore({ url, token, pageSize: 2 });
  const until = (test) => new Promise((resolve) => {
    const check = () => test(store.getState()) && (stop(), resolve());
    const stop = store.subscribe(check);
    check();
  });
  const titles = () => store.getState().notifications.map(({ title }) => title);
  const release = store.subscribe(() => {});
  await until(({ isLoaded, status }) => isLoaded && status.state === "live");
  log(JSON.stringify([titles(), store.getState().hasMore]));
  await store.loadMore();
  await store.markRead(store.getState().notifications[0].id);
  await until(({ unreadCount }) => unreadCount === 2);
  log(JSON.stringify([titles(), store.getState().hasMore]));
  await store.remove(store.getState().notifications[2].id);
  await until(({ notifications }) => notifications.length === 2);
  await store.setFilter({ unreadOnly: true });
  log(JSON.stringify([titles(), store.getState().unreadCount]));
  const last = () => store.getState().notifications[0];
  await store.performAction(last().id, "approve");
  await until(() => last().performedAction !== null);
  log(JSON.stringify([titles(), last().performedAction]));
  const { channel } = (await store.preferences())[0].channels[0];
  await store.setPreference("report", false, channel);
  await store.setPreference("approval", false);
  const chosen = (await store.preferences()).filter(({ type, enabled }) => type !== "tips" && !enabled);
  log(JSON.stringify(chosen.map(({ type, channels }) => [type, ...channels.map(({ enabled }) => enabled)])));
  // For the WebSocket of this test, which may be told of the end.
  globalThis.process = { nextTick };
  release();
  setTimeout(() => exit(0), 0);
"""


def test_the_store_needs_nothing_of_a_browser_but_websockets(project: Path, site: Site) -> None:
    """As in React Native: there is a `window` without events, and nothing that makes requests."""
    actions = [{"label": "Approve", "actionId": "approve"}]
    for title in ("one", "two", "three"):
        site.send("alice", title, actions=actions)
    modules = REPOSITORY / "frontend" / "package.json"
    address = f"{site.server.ws}/graphql/"
    command = ["--input-type=module", "-e", BARE_RUNTIME, modules, address, site.token("alice")]
    printed = [json.loads(line) for line in node(*command, cwd=project).splitlines()]
    assert printed == [
        [["three", "two"], True],
        [["three", "two", "one"], False],
        [["two"], 1],
        [["two"], "approve"],
        [["approval", False], ["report", False]],
    ]


FILTERS = """
  import { createRequire } from "node:module";
  const [modules, url, token] = process.argv.slice(1);
  globalThis.WebSocket = createRequire(modules)("ws").WebSocket;
  const { createResumingClient } = await import("live-inbox");
  const { InboxStore } = await import("live-inbox/store");
  const sender = createResumingClient({ url, token });
  const store = new InboxStore({ url, token, counts: true });
  const until = (test) => new Promise((resolve) => {
    const check = () => test(store.getState()) && (stop(), resolve());
    const stop = store.subscribe(check);
    check();
  });
  const shown = () => store.getState().notifications.map(({ title }) => title).join(" ");
  const print = (...values) => console.log(JSON.stringify(values));
  const none = { text: "", categories: undefined, priorities: undefined, read: undefined };
  const show = async (filter) => {
    await store.setFilter({ ...none, ...filter });
    print(shown());
  };
  const release = store.subscribe(() => {});
  await until(({ isLoaded, counts, status }) => isLoaded && counts && status.state === "live");
  const { counts } = store.getState();
  const categories = counts.categories.map(({ category, unread }) => [category, unread]);
  print(counts.types.map(({ type, total }) => [type, total]), categories);
  await show({ categories: ["work"] });
  await show({ priorities: ["HIGH"] });
  await show({ text: "ILL" });
  const query = "mutation ($input: SendInput!) { send(input: $input) { notification { id } } }";
  const send = (title) => new Promise((complete, error) => {
    const variables = { input: { recipientId: "1", title } };
    sender.subscribe({ query, variables }, { next: () => {}, error, complete });
  });
  await send("chill");
  await until(() => shown().startsWith("chill"));
  await send("other");
  await until(({ unreadCount }) => unreadCount === 6);
  print(shown());
  const archived = store.archiveAll();
  print(shown(), store.getState().unreadCount);
  const undo = await archived;
  await until(({ counts }) => counts.types.map(({ type, total }) => type + total).join() === "general3");
  await store.undo(undo);
  await until(() => shown() !== "");
  await until(() => store.getState().unreadCount === 6 && shown().split(" ").length === 3);
  print(shown());
  const read = await store.markAllRead({ categories: ["work"] });
  await until(({ unreadCount }) => unreadCount === 5);
  await show({ read: true });
  await store.undo(read);
  await until(() => shown() === "");
  await store.deleteAll({ text: "ill" });
  await show({});
  await until(({ unreadCount }) => unreadCount === 3);
  await store.markRead(store.getState().notifications[0].id);
  print(store.getState().notifications[0].read, store.getState().unreadCount);
  // As the handler of a button, it is called with an event.
  await store.markAllRead(new Event("click"));
  print(store.getState().unreadCount);
  release();
  process.exit();
"""


def test_the_store_filters_and_changes_all_as_graphql_does(project: Path, site: Site) -> None:
    site.send("alice", "bill", type="report")
    site.send("alice", "hill")
    site.send("alice", "alarm", priority="HIGH")
    site.send("alice", "news")
    modules = REPOSITORY / "frontend" / "package.json"
    address = f"{site.server.ws}/graphql/"
    command = ["--input-type=module", "-e", FILTERS, modules, address, site.token("alice")]
    printed = [json.loads(line) for line in node(*command, cwd=project).splitlines()]
    assert printed == [
        [[["general", 3], ["report", 1]], [[None, 3], ["work", 1]]],
        ["bill"],
        ["alarm"],
        ["hill bill"],
        ["chill hill bill"],
        # At once, before the server has answered.
        ["", 3],
        ["chill hill bill"],
        ["bill"],
        ["other news alarm"],
        [True, 2],
        [0],
    ]


def sample_server(
    process_registry: ProcessRegistry,
    directory: Path,
    arguments: str,
    site: Site,
    tmp_path_factory: pytest.TempPathFactory,
) -> Child:
    """Start the server of a sample: a program of its packages, with arguments."""
    program, *options = arguments.split()
    return Child(
        process_registry,
        [str(find_node()), str(directory / "node_modules" / program), *options],
        log=tmp_path_factory.mktemp("sample") / "server.log",
        environment=os.environ
        | {"LIVE_INBOX_SERVER": site.http, "NO_COLOR": "1", "NEXT_TELEMETRY_DISABLED": "1"},
        directory=directory,
    )


@pytest.fixture(scope="module")
def sample(
    project: Path,
    shared_site: Site,
    process_registry: ProcessRegistry,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """The address of the sample, served by Vite, which passes on what it asks of the inbox."""
    port = free_port()
    arguments = f"vite/bin/vite.js preview --host {LOOPBACK} --port {port} --strictPort"
    child = sample_server(process_registry, project, arguments, shared_site, tmp_path_factory)
    child.wait_until(lambda: f":{port}/" in child.text())
    yield f"http://{LOOPBACK}:{port}"
    child.kill()


@pytest.mark.asyncio(loop_scope="session")
async def test_the_hook_shows_a_live_list_over_one_socket(
    sample: str, page: Page, site: Site, monitor: PageMonitor
) -> None:
    """In StrictMode, which mounts every component twice."""
    monitor.origins.add(urlsplit(sample).netloc)
    for number in range(12):
        site.send("alice", f"n{number}")
    await page.goto(sample)
    rows = page.locator("section li")
    await expect(rows).to_have_count(10)
    await expect(page.locator("[data-state=live]")).to_be_visible()
    assert site.subscriptions() == 1
    sockets = [url for url in monitor.requests if url.startswith("ws")]
    assert len(sockets) == 1
    site.send("alice", "another")
    await expect(rows.first).to_contain_text("another")
    await expect(page.locator("output")).to_have_text("13 unread")
    await page.get_by_role("button", name="Mark as read: another").click()
    await expect(page.locator("output")).to_have_text("12 unread")
    await expect(rows.first).to_have_attribute("data-unread", "false")
    await page.get_by_role("button", name="Show older").click()
    await expect(rows).to_have_count(13)
    await page.get_by_role("button", name="Mark all as read").click()
    await expect(page.locator("output")).to_have_text("0 unread")
    await expect(page.locator("[data-unread=true]")).to_have_count(0)
    await page.goto("about:blank")
    await eventually(subscriptions(site), 0)


@pytest.mark.asyncio(loop_scope="session")
async def test_the_element_can_come_and_go(
    sample: str, page: Page, site: Site, monitor: PageMonitor
) -> None:
    monitor.origins.add(urlsplit(sample).netloc)
    site.send("alice", "one")
    await page.goto(sample)
    await page.get_by_role("button", name="Show the element").click()
    element = page.locator("notification-inbox")
    await expect(element.get_by_role("heading", name="The element")).to_be_visible()
    await expect(element.locator("article")).to_contain_text("one")
    await eventually(subscriptions(site), 2)
    await page.get_by_role("button", name="Hide the element").click()
    await expect(element).to_have_count(0)
    await eventually(subscriptions(site), 1)


@pytest.fixture(scope="module")
def next_sample(
    tarballs: list[Path],
    shared_site: Site,
    next_port: int,
    process_registry: ProcessRegistry,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """The address of the sample with Next, type-checked, built and served by Next."""
    directory = REPOSITORY / "var" / "samples" / "next-react"
    directory.mkdir(parents=True, exist_ok=True)
    # One run after the other.
    with (directory.parent / "next-react.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        install("next-react", directory, tarballs, NEXT_TELEMETRY_DISABLED="1")
        arguments = f"next/dist/bin/next start -H {LOOPBACK} -p {next_port}"
        child = sample_server(process_registry, directory, arguments, shared_site, tmp_path_factory)
        child.wait_until(lambda: "Ready in" in child.text())
        yield f"http://{LOOPBACK}:{next_port}"
        child.kill()


@pytest.mark.asyncio(loop_scope="session")
async def test_next_renders_the_page_and_the_browser_goes_on(
    next_sample: str, page: Page, site: Site, monitor: PageMonitor
) -> None:
    """From another origin, with tokens. An error of hydration would be in the console."""
    monitor.origins.add(urlsplit(next_sample).netloc)
    site.send("alice", "one")
    response = await page.goto(next_sample)
    assert response
    rendered = await response.text()
    assert "Loading …" in rendered
    assert re.search(r'<notification-inbox [^>]*token="[^"]+"', rendered)
    own = page.locator("section[aria-label=Notifications]")
    rows = own.locator("li")
    await expect(rows).to_have_text(["one✓"])
    await expect(page.locator("output")).to_have_text("1 unread")
    element = InboxView(page.locator("notification-inbox"))
    await eventually(element.titles, ["one"])
    await eventually(subscriptions(site), 2)
    site.send("alice", "two")
    await expect(rows).to_have_text(["two✓", "one✓"])
    await eventually(element.titles, ["two", "one"])
    assert await audit(page) == []
    await own.get_by_role("button", name="Mark as read: two").click()
    await expect(page.locator("output")).to_have_text("1 unread")
    await eventually(element.unread, ["one"])


def subscriptions(site: Site) -> Callable[[], Awaitable[float]]:
    """Return what reads how many subscribers the server has."""

    async def count() -> float:
        return site.subscriptions()

    return count
