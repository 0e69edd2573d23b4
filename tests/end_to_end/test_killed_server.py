"""A server that is killed loses nothing and repeats nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import connection
from websockets.exceptions import ConnectionClosed

from live_inbox import services
from tests.both_apis.devices import GraphQLDevice
from tests.end_to_end.conftest import Devices
from tests.stacks.uvicorn_server import ServerProcess

BEFORE, MEANWHILE, AFTER = 40, 40, 40


class Writer:
    """Sends numbered notifications from a thread, as another process would."""

    def __init__(self, recipient_id: int) -> None:
        self._recipient_id = recipient_id
        self._sent = threading.Condition()
        self._stopping = False
        self.count = 0

    def reach(self, count: int) -> None:
        """Wait until so many have been committed."""
        with self._sent:
            assert self._sent.wait_for(lambda: self.count >= count, timeout=60)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Write while in the block."""
        thread = threading.Thread(target=self._write)
        thread.start()
        try:
            yield
        finally:
            self._stopping = True
            thread.join()

    def _write(self) -> None:
        while not self._stopping:
            services.send(recipient_id=self._recipient_id, title=str(self.count))
            with self._sent:
                self.count += 1
                self._sent.notify_all()
        connection.close()


def _drain(device: GraphQLDevice, titles: list[str]) -> None:
    """Receive what a device gets until its connection breaks."""
    try:
        while True:
            shown = device.next_change().notification
            assert shown is not None
            titles.append(shown.title)
    except ConnectionClosed:
        pass


def test_every_event_comes_exactly_once_in_order_across_a_sigkill(
    start_server: Callable[..., ServerProcess], devices: Devices, alice: int
) -> None:
    server = start_server()
    first = [devices.graphql(server) for _ in range(3)]
    writer = Writer(alice)
    seen: list[list[str]] = [[] for _ in first]
    with writer.writing():
        writer.reach(BEFORE)
        readers = [
            threading.Thread(target=_drain, args=(device, titles))
            for device, titles in zip(first, seen, strict=True)
        ]
        for reader in readers:
            reader.start()
        server.kill()
        for reader in readers:
            reader.join()
        writer.reach(writer.count + MEANWHILE)
        server.start()
        resumed = [devices.graphql(server, after=device.position) for device in first]
        writer.reach(writer.count + AFTER)
    for device, titles in zip(resumed, seen, strict=True):
        while len(titles) < writer.count:
            shown = device.next_change().notification
            assert shown is not None
            titles.append(shown.title)
    expected = [str(number) for number in range(writer.count)]
    assert seen == [expected] * len(seen)
    assert devices.original(server).list().total == writer.count


def test_a_stopping_server_closes_sockets_with_a_code_that_clients_retry(
    start_server: Callable[..., ServerProcess], devices: Devices, alice: int
) -> None:
    server = start_server()
    opened = [devices.graphql(server), devices.original(server)]
    server.stop()
    for device in opened:
        with pytest.raises(ConnectionClosed) as closed:
            device.next_change()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
