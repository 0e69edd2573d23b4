"""A site of two servers that is upgraded, and rolled back, one server after the other, under a small load."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from tests.stacks.child import ServerFailed
from tests.stacks.process_registry import ProcessRegistry
from tests.upgrades.release_trees import ReleaseServer, ReleaseTree
from tests.upgrades.traffic import (
    LIST,
    SEND,
    WAIT_SECONDS,
    Balancer,
    Load,
    OriginalDevice,
    OriginalWriter,
    Progress,
    RecordingDevice,
    RequestWriter,
    Shown,
    SocketWriter,
    User,
)

SENDS = 2
"""How many times each writer sends in each phase."""
_UNLIMITED = "1000000/second burst 1000000"
SETTINGS = {
    # Only doorbells deliver in time: what one release cannot read of the other's, arrives after the end of the test.
    "RECONCILE_SECONDS": "60",
    # As long as this test's balancer takes to notice.
    "STOP_DELAY_SECONDS": "0.5",
    **dict.fromkeys(("SEND_RATE", "RECIPIENT_RATE", "CHANGE_RATE", "OPERATION_RATE"), _UNLIMITED),
    "SOCKET_RATE": _UNLIMITED,
}
GONE: tuple[int, list[str]] = (0, [])
"""The state of a server that refuses connections."""
_USERS = """\
from django.contrib.auth import get_user_model
from live_inbox.identity.issuing import issue_token
for name in ("alice", "bob"):
    user = get_user_model().objects.create_user(username=name)
    print("user", user.pk, issue_token(user, ttl_seconds=3600))
"""
_UNREADABLE = re.compile(
    r'^inbox_doorbells_(?:refused_total\{reason="version"\}|unreadable_total) (\S+)$', re.MULTILINE
)


class RollingUpgrade:
    """The servers, and who uses them. All have the same database and Redis."""

    def __init__(
        self,
        process_registry: ProcessRegistry,
        environment: Mapping[str, str],
        old: ReleaseTree,
        new: ReleaseTree,
    ) -> None:
        self._process_registry = process_registry
        self._environment: dict[str, str | None] = {**environment, **SETTINGS}
        self.old = old
        self.new = new
        self.users: list[User] = []
        self.servers: list[ReleaseServer] = []
        """All that were ever started."""
        self.unreadable: list[float] = []
        """How many doorbells each server could not read, by its metrics: two numbers of each."""
        self.progress = Progress()
        self.balancer = Balancer()
        self.devices: list[RecordingDevice] = []
        self.originals: list[OriginalDevice] = []
        self.load = Load(self.devices, self.progress)
        self._tasks: list[asyncio.Task[None]] = []
        self._writers: list[asyncio.Task[None]] = []

    async def start(self, *trees: ReleaseTree) -> list[ReleaseServer]:
        """Start a server of each release at once; none gets requests yet."""
        added = [ReleaseServer(self._process_registry, tree, self._environment) for tree in trees]
        self.servers += added
        await asyncio.gather(*(asyncio.to_thread(server.start) for server in added))
        return added

    async def migrate(self, tree: ReleaseTree) -> None:
        """Apply the migrations of a release."""
        await asyncio.to_thread(
            tree.run,
            self._process_registry,
            self._environment,
            "migrate",
            "--noinput",
            "--skip-checks",
        )

    async def add(self, server: ReleaseServer) -> None:
        """Give a server requests, as its readiness allows."""
        status, causes = await self.readiness(server)
        assert (status, causes) == (200, [])
        self.balancer.servers.append(server)

    async def replace(self, old: ReleaseServer, new: ReleaseServer) -> None:
        """Have one server in place of another: the new one first, then the old one drains."""
        await self.add(new)
        await self._read_metrics(old)
        old.child.ask_to_stop()
        state = (200, [""])
        while state[0] == 200:
            state = await self.readiness(old)
        # On a slow machine it may have stopped to accept already.
        assert state in ((503, ["draining"]), GONE)
        self.balancer.servers.remove(old)
        assert await asyncio.to_thread(old.child.wait, seconds=30) in (0, -15)

    async def readiness(self, server: ReleaseServer) -> tuple[int, list[str]]:
        """Return the status of `/readyz`, and the causes that it names."""
        try:
            status, text = await asyncio.to_thread(_get, f"{server.http}/readyz")
        except OSError:
            return GONE
        return status, json.loads(text)["causes"]

    async def add_users(self) -> None:
        """Make two users, by the old release."""
        printed = await asyncio.to_thread(
            self.old.run,
            *(self._process_registry, self._environment, "shell", "-v", "0", "-c", _USERS),
        )
        lines = [line.split() for line in printed.splitlines() if line.startswith("user ")]
        self.users = [User(id, token) for _, id, token in lines]

    async def begin(self) -> None:
        """Connect all devices, then begin to write: over HTTP, on GraphQL's sockets, and on those of the JSON API."""
        for user in self.users:
            for _ in range(2):
                self.devices.append(RecordingDevice(user, self.balancer, self.progress))
                self.originals.append(OriginalDevice(user, self.balancer, self.progress))
        for device in (*self.devices, *self.originals):
            self._tasks.append(asyncio.create_task(device.run()))
        await self.until(self.all_connected)
        alice, bob = self.users
        for writer in (
            RequestWriter(alice, self.load, self.balancer),
            SocketWriter(alice, self.load, self.balancer),
            RequestWriter(bob, self.load, self.balancer),
            OriginalWriter(bob, self.load, self.balancer),
        ):
            self._writers.append(asyncio.create_task(writer.run()))
        await self.some_load()

    def all_connected(self) -> bool:
        """Whether every device is connected and has listed."""
        return all(each.server is not None for each in (*self.devices, *self.originals)) and (
            all(each.position for each in self.devices)
            and all(each.lists for each in self.originals)
        )

    async def some_load(self) -> None:
        """Return when each writer has sent some times more, and each device is connected."""
        goals = {name: count + SENDS for name, count in self.load.last.items()}
        await self.until(
            lambda: (
                len(self.load.last) == len(self._writers)
                and all(self.load.last[name] >= goal for name, goal in goals.items())
                and self.all_connected()
            )
        )

    async def until(self, condition: Any) -> None:
        """Return when the condition holds; raise what a device or a writer has raised meanwhile."""
        waiting = asyncio.ensure_future(self.progress.until(condition))
        await asyncio.wait(
            {waiting, *self._tasks, *self._writers}, return_when=asyncio.FIRST_COMPLETED
        )
        if not waiting.done():
            waiting.cancel()
        self._raise_failures()
        await waiting

    def _raise_failures(self) -> None:
        for task in (*self._tasks, *self._writers):
            if task.done() and (error := task.exception()) is not None:
                raise error

    async def show_newer_changes(self, server: ReleaseServer) -> None:
        """Have a new server write what no old one knows; return when each device has been shown it.

        A device at an old server is shown the notification and, for what is none, has to reload the list.
        """
        await self.until(self.all_connected)
        async with self.load.paused():
            for user in self.users:
                devices = [device for device in self.devices if device.user is user]
                send = {
                    "recipientId": user.id,
                    "title": "newer",
                    "idempotencyKey": str(server.port),
                }
                sent = await self.balancer.post_to(server, user.token, SEND, input=send)
                await self._all_at_the_end(user, devices)
                pin = "mutation ($id: ID!) { pin(id: $id) { position } }"
                before = [Counter(device.changes) for device in devices]
                id = sent["send"]["notification"]["id"]
                await self.balancer.post_to(server, user.token, pin, id=id)
                await self._all_at_the_end(user, devices)
                for device, counted in zip(devices, before, strict=True):
                    change = "OTHER" if self._is_at_old(device) else "STARRED"
                    assert device.changes - counted == {change: 1}
                before = [Counter(device.typenames) for device in devices]
                await self.balancer.post_to(server, user.token, "mutation { markSeen { count } }")
                await self._all_at_the_end(user, devices)
                for device, counted in zip(devices, before, strict=True):
                    event = "InboxReset" if self._is_at_old(device) else "InboxVisited"
                    assert device.typenames - counted == {event: 1}
        assert {self._is_at_old(device) for device in self.devices} == {True, False}

    def _is_at_old(self, device: RecordingDevice) -> bool:
        assert device.server is not None
        return device.server.tree == self.old

    async def _all_at_the_end(self, user: User, devices: list[RecordingDevice]) -> Any:
        """Wait until devices have got to the end of the log; return the list as it is there."""
        read = (await self.balancer.post(user.token, LIST))["notifications"]
        await self.until(lambda: {device.position for device in devices} == {read["position"]})
        return read

    async def finish(self) -> None:
        """End the load; compare what each device shows with the list that is read anew."""
        self.load.is_over = True
        await self.progress.note()
        async with asyncio.timeout(WAIT_SECONDS):
            await asyncio.gather(*self._writers)
        self._writers = []
        for user in self.users:
            devices = [device for device in self.devices if device.user is user]
            read = await self._all_at_the_end(user, devices)
            listed = {each["id"]: Shown.of(each) for each in read["nodes"]}
            assert [device.shown for device in devices] == [listed] * 2
            assert [device.unread for device in devices] == [read["unreadCount"]] * 2
            originals = [device for device in self.originals if device.user is user]
            end = _as_original(listed)
            await self.until(
                lambda originals=originals, end=end: (
                    [_as_original(device.shown) for device in originals] == [end] * 2
                )
            )
        for server in self.balancer.servers:
            await self._read_metrics(server)

    async def close(self) -> None:
        """End devices and servers."""
        for task in (*self._tasks, *self._writers):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._writers, return_exceptions=True)
        await self.balancer.close()
        for server in self.servers:
            # One that has failed to start, or has not begun to.
            with suppress(ServerFailed):
                await asyncio.to_thread(server.kill)

    async def _read_metrics(self, server: ReleaseServer) -> None:
        _, text = await asyncio.to_thread(_get, f"{server.http}/metrics")
        self.unreadable += [float(number) for number in _UNREADABLE.findall(text)]


def _as_original(shown: dict[str, Shown]) -> dict[str, tuple[str, bool]]:
    """Return what the original protocol tells of a list at any time: pins have no message."""
    return {id: (each.title, each.read) for id, each in shown.items()}


def _get(address: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(address, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
