"""Doorbells of processes that end without warning, and of greenlets: each arrives at a real Redis.

Each test runs a program. Its first lines make a doorbell, which stands in for `live_inbox`, and `ring()`.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from live_inbox.delivery import publishing
from live_inbox.delivery.doorbell import Doorbell
from tests.delivery.group_names import deployment
from tests.stacks.redis_server import RedisServer

pytestmark = pytest.mark.stack("embedded")

REPOSITORY = Path(__file__).resolve().parents[2]

DOORBELL = """
import multiprocessing, os, signal, sys
import django
from django.conf import settings
layer = {{"BACKEND": "live_inbox.delivery.redis_layer.RedisLayer", "CONFIG": {{"hosts": ["{url}"], "prefix": "inbox"}}}}
settings.configure(CHANNEL_LAYERS={{"default": layer}})
from channels.layers import get_channel_layer
from live_inbox.delivery.doorbell import Doorbell

bell = Doorbell(get_channel_layer, deployment=lambda: "d1", layer_seconds=60, exit_seconds=60)

def ring(text="from a child"):
    bell.ring({{"7": [text.encode()]}})

def ring_and_end():
    ring()
    os._exit(0)

def ring_and_be_killed():
    ring()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def listener(private_redis: RedisServer) -> Iterator[redis.client.PubSub]:
    """Receives what is published for inbox 7."""
    with redis.Redis.from_url(private_redis.url, socket_timeout=60) as client:
        listener = client.pubsub()
        listener.subscribe("inbox__group__inbox.d1.7")
        assert listener.get_message(timeout=60)
        yield listener
        listener.close()


def run(tmp_path: Path, redis_server: RedisServer, program: str, *, before: str = "") -> str:
    """Run a program after the lines that make a doorbell; return what it has printed."""
    file = tmp_path / "program.py"
    file.write_text(before + DOORBELL.format(url=redis_server.url) + program)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(file)],
        cwd=REPOSITORY,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def received(listener: redis.client.PubSub, count: int) -> list[bytes]:
    """Return so many messages, as the layer encodes them."""
    messages = [listener.get_message(timeout=60) for _ in range(count)]
    return [message["data"] for message in messages if message is not None]


FORK = """
for how in (ring_and_end, ring_and_be_killed):
    child = os.fork()
    if child == 0:
        how()
    os.waitpid(child, 0)
"""


@pytest.mark.parametrize("parent_has_rung", [False, True])
def test_a_forked_process_has_published_before_it_goes_on(
    tmp_path: Path,
    private_redis: RedisServer,
    listener: redis.client.PubSub,
    parent_has_rung: bool,
) -> None:
    program = "ring('from the parent'); bell.flush(60)\n" * parent_has_rung + FORK
    run(tmp_path, private_redis, program)
    got = received(listener, 2 + parent_has_rung)
    assert [b"from a child" in each for each in got[-2:]] == [True, True]


MULTIPROCESSING = """
if __name__ == "__main__":
    context = multiprocessing.get_context("{method}")
    for how in (ring, ring_and_end, ring_and_be_killed):
        child = context.Process(target=how)
        child.start()
        child.join()
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_process_of_multiprocessing_has_published_before_it_ends(
    tmp_path: Path, private_redis: RedisServer, listener: redis.client.PubSub, method: str
) -> None:
    run(tmp_path, private_redis, MULTIPROCESSING.format(method=method))
    assert [b"from a child" in each for each in received(listener, 3)] == [True] * 3


GREENLETS = """
import asyncio, gevent

def work(number):
    for _ in range(5):
        ring(f"from greenlet {number}")
        gevent.sleep(0)
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            continue
        print("A greenlet sees the event loop of the doorbell: Django would refuse to use the database.")

gevent.joinall([gevent.spawn(work, number) for number in range(20)])
assert bell.flush(60)
ring("the last")
"""


def test_greenlets_of_gevent_ring_and_see_no_event_loop(
    tmp_path: Path, private_redis: RedisServer, listener: redis.client.PubSub
) -> None:
    before = "import gevent.monkey\ngevent.monkey.patch_all()\n"
    assert run(tmp_path, private_redis, GREENLETS, before=before) == ""
    got = received(listener, 101)
    assert sum(b"from greenlet" in each for each in got) == 100
    assert b"the last" in got[-1]


def test_a_forked_process_does_not_wait_for_a_layer_that_hangs(
    tmp_path: Path, private_redis: RedisServer
) -> None:
    # With the default limits. Nothing but the test's own time limit would end a ring that waits.
    program = """
bell = Doorbell(get_channel_layer, deployment=lambda: "d1", layer_seconds=3600, exit_seconds=0.05)
child = os.fork()
if child == 0:
    ring()
    ring_and_end()
os.waitpid(child, 0)
"""
    private_redis.freeze()
    run(tmp_path, private_redis, program)


def test_a_thread_that_cannot_be_set_up_fails_its_ring_and_not_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_files_left() -> None:
        raise OSError("too many open files")

    bell = Doorbell(lambda: None, deployment=deployment)
    with monkeypatch.context() as patch, pytest.raises(OSError, match="too many open files"):
        patch.setattr(publishing, "_ThreadLoop", no_files_left)
        bell.ring({"7": [b"x"]})
    bell.ring({"7": [b"x"]})
    assert bell.flush()


def in_a_fork(function: Callable[[], object]) -> bytes:
    """Return the repr of what a function returns, or raises, in a process that is forked from this one."""
    reader, writer = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            os.write(writer, repr(function()).encode())
        except BaseException as error:
            os.write(writer, repr(error).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    return os.read(reader, 1000)


def test_a_server_that_is_forked_keeps_its_hub() -> None:
    """As gunicorn does with `--preload`: the doorbell was made in the parent."""
    bell = Doorbell(lambda: None, deployment=deployment)

    async def serve() -> list[object]:
        received: list[object] = []
        async with bell.attached(received.append):
            for text in (b"one", b"two"):
                bell.ring({"7": [text]})
                await asyncio.sleep(0)
        return received

    expected = b"[{'7': [b'one']}, {'7': [b'two']}]"
    assert in_a_fork(lambda: asyncio.run(serve())) == expected
