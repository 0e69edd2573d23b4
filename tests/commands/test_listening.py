"""The socket of the server: a file, or one that its parent has opened. Ports are in `test_serve.py`."""

from __future__ import annotations

import os
import socket
import stat
import struct
import sys
from pathlib import Path

import pytest
from django.core.management.base import CommandError

from live_inbox_site import listening
from tests.stacks.ports import LOOPBACK

pytestmark = pytest.mark.stack("embedded")


def connect(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


class TestUnixSockets:
    def test_the_file_is_there_for_everybody_until_the_end(self, tmp_path: Path) -> None:
        path = tmp_path / "inbox.sock"
        with listening.unix_socket(path) as opened:
            connect(path)
            assert stat.S_IMODE(path.stat().st_mode) == 0o666
            assert listening.place_of(opened) == f"the Unix socket {path}"
        assert not path.exists()

    def test_the_file_of_one_that_was_killed_is_replaced(self, tmp_path: Path) -> None:
        path = tmp_path / "inbox.sock"
        with socket.socket(socket.AF_UNIX) as killed:
            killed.bind(str(path))
            killed.listen()
        assert path.exists()
        with listening.unix_socket(path):
            connect(path)

    def test_that_of_one_that_listens_is_not(self, tmp_path: Path) -> None:
        path = tmp_path / "inbox.sock"
        with listening.unix_socket(path):
            with pytest.raises(CommandError, match="is in use"), listening.unix_socket(path):
                pass
            connect(path)

    def test_nor_any_other_file(self, tmp_path: Path) -> None:
        path = tmp_path / "inbox.sock"
        path.write_text("precious")
        with pytest.raises(CommandError, match="and no socket"), listening.unix_socket(path):
            pass
        assert path.read_text() == "precious"

    def test_the_file_of_a_successor_stays(self, tmp_path: Path) -> None:
        path = tmp_path / "inbox.sock"
        with listening.unix_socket(path) as old:
            old.close()  # it drains
            with listening.unix_socket(path) as new:
                os.unlink(path)
                with listening.unix_socket(path):
                    new.close()
                    connect(path)

    @pytest.mark.parametrize("name", ["missing/inbox.sock", "x" * 120])
    def test_what_cannot_be_is_one_line(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(CommandError) as refused, listening.unix_socket(tmp_path / name):
            pass
        assert str(refused.value).startswith(f"The server cannot listen on {tmp_path}/")


class TestInherited:
    def test_a_listening_socket_is_taken(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as opened:
            port = opened.getsockname()[1]
            with listening.inherited(os.dup(opened.fileno())) as taken:
                assert listening.place_of(taken) == f"127.0.0.1, port {port}"
                assert not taken.get_inheritable()

    def test_nothing_else_is(self, tmp_path: Path) -> None:
        with socket.socket() as closed, (tmp_path / "file").open("w") as file:
            for descriptor in (closed.fileno(), file.fileno(), 999):
                with pytest.raises(CommandError, match=f"{descriptor} is no listening socket"):
                    listening.inherited(descriptor)
            os.fstat(closed.fileno())
            os.fstat(file.fileno())


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells the length of the queue")
def test_as_many_may_wait_as_the_system_allows() -> None:
    most = int(Path("/proc/sys/net/core/somaxconn").read_text())
    with listening.bind(LOOPBACK, 0) as opened:
        # Of a listening socket, the field `tcpi_sacked` of struct tcp_info, from byte 28.
        info = opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)
        assert struct.unpack_from("I", info, 28) == (min(most, 65_535),)
