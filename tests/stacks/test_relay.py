"""A relay that stops leaves no socket to a later test: neither one it has served nor one it was just accepting."""

from __future__ import annotations

import gc
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.stacks.authority import Authority
from tests.stacks.ports import LOOPBACK
from tests.stacks.relay import Relay
from tests.stacks.tls_relay import TlsRelay

pytestmark = pytest.mark.stack("embedded")

_START_OF_A_TLS_RECORD = b"\x16\x03\x01\x00"


def _plain(target: int, directory: Path) -> Relay:
    return Relay(target)


def _tls(target: int, directory: Path) -> Relay:
    return TlsRelay(target, Authority(directory).issue(LOOPBACK))


@pytest.mark.parametrize("make", [_plain, _tls])
def test_no_socket_is_left(make: Callable[[int, Path], Relay], tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0), backlog=1000) as target, ExitStack() as clients:
        for _ in range(10):
            with make(target.getsockname()[1], tmp_path) as relay:
                for number in range(20):
                    client = socket.create_connection((LOOPBACK, relay.port))
                    clients.enter_context(client)
                    if number % 3 == 0:
                        client.send(_START_OF_A_TLS_RECORD)
    # A socket that is collected while it is open is a warning, and the warning an error of this test.
    gc.collect()
