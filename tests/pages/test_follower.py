"""The client of `frontend/client` in Node, against a server of the product."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from live_inbox_graphql.advances import ADVANCE_EVENTS
from live_inbox_site.building import REPOSITORY, find_node
from tests.pages.site import Site

pytestmark = [pytest.mark.stack("embedded"), pytest.mark.timeout(120)]

PROGRAM = REPOSITORY / "frontend" / "node_modules" / ".programs" / "limited_follower.mjs"


class Follower:
    """A follower of one type, in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def until(self, **expected: Any) -> dict[str, Any]:
        """Return the next thing that it has seen with these values."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            seen: dict[str, Any] = json.loads(line)
            if expected.items() <= seen.items():
                return seen
        raise AssertionError(f"it has ended without {expected}")

    def next_subscription(self) -> str:
        """Return the position after which it asks for events the next time."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            seen = json.loads(line)
            if "after" in seen:
                return str(seen["after"])
        raise AssertionError("it has ended without another subscription")

    def cut(self) -> None:
        """Cut its connection."""
        assert self._process.stdin is not None
        self._process.stdin.write("cut\n")
        self._process.stdin.flush()


@contextmanager
def following(site: Site, name: str, *options: str) -> Iterator[Follower]:
    """Follow the notifications of the type `approval`."""
    address = f"{site.server.ws}/graphql/"
    process = subprocess.Popen(
        [str(find_node()), str(PROGRAM), address, site.token(name), *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield Follower(process)


@pytest.fixture(scope="module")
def built_program(built_pages: None) -> None:
    """Bundle the program."""
    command = [str(find_node()), "frontend/check.mjs", "--programs"]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)


def test_the_position_of_a_client_of_some_types_moves_on_and_is_resumed(
    site: Site, built_program: None
) -> None:
    with following(site, "alice") as follower:
        began = follower.next_subscription()
        follower.until(state="live")
        other = site.send("alice", "of another type")
        for number in range(ADVANCE_EVENTS):
            change = "markUnread" if number % 2 else "markRead"
            site.execute(
                "alice", f"mutation ($id: ID!) {{ {change}(id: $id) {{ position }} }}", id=other
            )
        advanced = follower.until(type="PositionAdvanced")["position"]
        assert advanced != began
        follower.cut()
        assert follower.next_subscription() == advanced
        site.send("alice", "wanted", type="approval")
        assert follower.until(type="NotificationAdded")["title"] == "wanted"


def test_a_network_that_breaks_websockets_is_passed_over_http(
    site: Site, built_program: None
) -> None:
    with following(site, "alice", "broken") as follower:
        follower.until(broken=True)
        follower.until(broken=True)
        follower.until(state="live", transport="http")
        site.send("alice", "one", type="approval")
        assert follower.until(type="NotificationAdded")["title"] == "one"
        site.server.stop()
        for title in ("two", "three"):
            site.send_from_other_process("alice", title, type="approval")
        site.server.start()
        for title in ("two", "three"):
            assert follower.until(type="NotificationAdded")["title"] == title
        assert follower.until(state="live")["transport"] == "http"
