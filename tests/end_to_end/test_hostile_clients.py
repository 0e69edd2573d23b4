"""Clients that flood a real server, or never finish what they begin: others are served, and the log stays readable."""

from __future__ import annotations

import asyncio
import re
import socket
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack, suppress

import pytest

import live_inbox
from tests.both_apis.devices import GraphQLDevice
from tests.end_to_end.conftest import Devices
from tests.end_to_end.serve_command import ServeStarter
from tests.end_to_end.test_draining import PROTOCOLS, device_pool
from tests.internals.test_uvicorn_frames import (
    CONTINUATION,
    PING,
    TEXT,
    close_frame,
    send_while_it_lasts,
)
from tests.sockets.socket_server import RawClient, masked, raw_client
from tests.stacks.uvicorn_server import ServerProcess
from tests.waiting import until

FLOOD = 20_000
FLOODERS = 20

pytestmark = pytest.mark.django_db(transaction=True)


def counted(server: ServerProcess, metric: str) -> float:
    """Return the value of a metric, labels included."""
    with urllib.request.urlopen(f"{server.http}/metrics") as answer:
        text = answer.read().decode()
    found = re.search(rf"^{re.escape(metric)} (\S+)$", text, re.MULTILINE)
    return 0.0 if found is None else float(found[1])


async def is_served(device: GraphQLDevice, user_id: int, title: str) -> None:
    """Send a notification, and wait until the device has it."""
    await live_inbox.asend(recipient=user_id, title=title)
    change = await asyncio.to_thread(device.next_change)
    assert change.notification is not None
    assert change.notification.title == title


async def flood(server: ServerProcess, path: str, subprotocol: str, data: bytes) -> int:
    """Send data as fast as the server takes it, read nothing before, and return the close code."""
    async with raw_client(server.port) as client:
        await client.handshake(path, subprotocol=subprotocol)
        sending = asyncio.create_task(send_while_it_lasts(client, data))
        code, _ = await close_frame(client)
        await sending
        return code


@pytest.mark.parametrize(
    ("data", "code", "reason"),
    [
        (masked(PING, b"x" * 125) * FLOOD, 1013, "frame_rate"),
        (
            masked(TEXT, b"", is_final=False) + masked(CONTINUATION, b"", is_final=False) * FLOOD,
            1009,
            "too_many_frames",
        ),
    ],
    ids=["pings", "empty frames"],
)
async def test_floods_of_frames(
    start_server: Callable[..., ServerProcess],
    devices: Devices,
    alice: int,
    data: bytes,
    code: int,
    reason: str,
) -> None:
    server = await asyncio.to_thread(start_server)
    device = await asyncio.to_thread(devices.graphql, server)
    floods = [flood(server, "/graphql/", "graphql-transport-ws", data) for _ in range(FLOODERS)]
    codes = await asyncio.gather(*floods)
    assert codes == [code] * FLOODERS
    await is_served(device, alice, "after the flood")
    assert counted(server, f'inbox_connections_refused_total{{reason="{reason}"}}') == FLOODERS
    assert "Traceback" not in server.log()


async def test_a_flood_of_pings_on_the_json_api(
    start_server: Callable[..., ServerProcess], token: str
) -> None:
    server = await asyncio.to_thread(start_server)
    path = f"/ws/notifications/?token={token}"
    assert await flood(server, path, "", masked(PING, b"") * FLOOD) == 4429
    assert counted(server, 'inbox_sockets_closed_total{api="json",code="4429"}') == 1
    assert counted(server, 'inbox_rate_limited_total{limit="socket"}') == 1
    assert "Traceback" not in server.log()


async def test_handshakes_that_are_never_finished(
    start_server: Callable[..., ServerProcess], devices: Devices, alice: int
) -> None:
    server = await asyncio.to_thread(start_server)
    device = await asyncio.to_thread(devices.graphql, server)

    async def trickle(client: RawClient) -> None:
        with suppress(ConnectionResetError, BrokenPipeError):
            while True:
                await client.send(b"x")
                await asyncio.sleep(0.1)

    async def unfinished() -> bytes:
        async with raw_client(server.port) as client:
            await client.send(b"GET /graphql/ HTTP/1.1\r\nUpgrade: websocket\r\nX-Slow: ")
            sending = asyncio.create_task(trickle(client))
            answer = await client.receive()
            await sending
            return answer

    answers = await asyncio.gather(*(unfinished() for _ in range(100)))
    assert {answer.partition(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 408 Request Timeout"}
    await is_served(device, alice, "beside them")
    assert counted(server, 'inbox_connections_refused_total{reason="request_timeout"}') == 100


async def test_more_connections_than_descriptors(
    start_serve: ServeStarter, token: str, alice: int
) -> None:
    limited = ("/bin/sh", "-c", 'ulimit -n 256; exec "$@"', "sh")
    serve = await asyncio.to_thread(start_serve, below=limited)
    async with device_pool(serve.port, token) as pool:
        device = await pool.open(PROTOCOLS[0])
        with ExitStack() as opened:
            idle = [opened.enter_context(_connected(serve.port)) for _ in range(300)]
            await until(lambda: "acceptance of connections fails" in serve.child.text())
            # The database can be opened still.
            for number in range(10):
                await live_inbox.asend(recipient=alice, title=str(number))
                assert (await device.receive())["type"] == "next"
                await device.ask(f"list {number}", "{ notifications { unreadCount } }")
                assert (await device.receive())["id"] == f"list {number}"
                assert (await device.receive())["type"] == "complete"
            assert len(idle) == 300
        await until(lambda: _is_accepted(serve.port))
    log = serve.child.text()
    assert log.count("acceptance of connections") == 2
    assert "The acceptance of connections works again after" in log
    assert "Traceback" not in log


def _connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port))


def _is_accepted(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
