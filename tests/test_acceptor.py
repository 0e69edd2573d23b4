"""Connections are accepted at once and opened in turns, addresses one after the other."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest
import uvloop

from live_inbox.sockets import address_limits
from live_inbox.sockets.known_addresses import known_addresses
from live_inbox.sockets.open_files import ConnectionLimit
from live_inbox_site import acceptor
from live_inbox_site.acceptor import MOST_WITHOUT_TURN, Acceptor
from tests.changed_settings import changed_settings
from tests.stacks.certificate import write_certificate
from tests.waiting import until

pytestmark = pytest.mark.stack("embedded")

CROWD, OTHER = "127.0.0.1", "127.0.0.2"


class FaultyListener(socket.socket):
    """A listening socket whose first calls of `accept` fail with these errors."""

    errors: list[int]

    def accept(self) -> tuple[socket.socket, object]:
        if self.errors:
            raise OSError(self.errors.pop(0), "as the system would")
        return super().accept()


class Accepting:
    """An acceptor, and what it has opened."""

    def __init__(self, errors: list[int], tls: ssl.SSLContext | None) -> None:
        self.listening = FaultyListener()
        self.listening.errors = errors
        self.listening.bind((CROWD, 0))
        self.listening.listen(100)
        self.acceptor = Acceptor(
            self.listening, lambda: Opened(self), lambda: len(self.opened), tls
        )
        self.opened: list[str] = []
        """The addresses of those that are open, in their order."""
        self.transports: list[asyncio.BaseTransport] = []
        self.lost = 0
        """How many of them were closed."""
        self.turn = 0
        """The turn of the event loop."""
        self.turns: list[int] = []
        """In which turn each was opened."""

    def connect(self, *addresses: str) -> list[socket.socket]:
        """Connect from these addresses, all before the event loop can accept any."""
        clients = []
        for address in addresses:
            client = socket.create_connection(self.listening.getsockname(), 5, (address, 0))
            client.settimeout(5)
            clients.append(client)
        return clients

    def count_turns(self) -> None:
        """Count this turn and the next ones."""
        self.turn += 1
        if self.listening.fileno() >= 0:
            asyncio.get_running_loop().call_soon(self.count_turns)


class Opened(asyncio.Protocol):
    def __init__(self, accepting: Accepting) -> None:
        self._accepting = accepting

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._accepting.opened.append(transport.get_extra_info("peername")[0])
        self._accepting.turns.append(self._accepting.turn)
        self._accepting.transports.append(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._accepting.lost += 1


@asynccontextmanager
async def accepting(*errors: int, tls: ssl.SSLContext | None = None) -> AsyncIterator[Accepting]:
    made = Accepting(list(errors), tls)
    made.count_turns()
    try:
        yield made
    finally:
        made.acceptor.close()
        await made.acceptor.wait_closed()
        made.listening.close()
        for transport in made.transports:
            transport.close()


@pytest.fixture
def clients() -> Iterator[ExitStack]:
    """What closes the clients of a test."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture(autouse=True)
def _own_limits() -> Iterator[None]:
    """Let every address be limited, this machine's too."""
    with changed_settings(UNLIMITED_ADDRESSES=["127.0.0.9"], MAX_CONNECTIONS_PER_ADDRESS=20):
        address_limits.forget_limits()
        known_addresses.cache_clear()
        yield
    address_limits.forget_limits()


async def test_one_is_opened_in_each_turn(clients: ExitStack) -> None:
    async with accepting() as made:
        for client in made.connect(*[CROWD] * 12):
            clients.enter_context(client)
        made.acceptor.start()
        await until(lambda: len(made.opened) == 12)
        assert len(set(made.turns)) == 12


async def test_who_opens_one_does_not_wait_behind_a_crowd(clients: ExitStack) -> None:
    async with accepting() as made:
        for client in made.connect(*[CROWD] * 12, OTHER):
            clients.enter_context(client)
        made.acceptor.start()
        await until(lambda: len(made.opened) == 13)
        assert made.opened == [CROWD, OTHER, *[CROWD] * 11]


async def test_unlimited_addresses_take_no_turns(clients: ExitStack) -> None:
    with changed_settings(UNLIMITED_ADDRESSES=[OTHER]):
        address_limits.forget_limits()
        async with accepting() as made:
            for client in made.connect(*[CROWD] * 5, *[OTHER] * (MOST_WITHOUT_TURN + 3)):
                clients.enter_context(client)
            made.acceptor.start()
            await until(lambda: len(made.opened) == MOST_WITHOUT_TURN + 8)
            first = made.opened.index(OTHER)
            assert made.opened[first : first + MOST_WITHOUT_TURN] == [OTHER] * MOST_WITHOUT_TURN
            assert first <= 1
            assert len({*made.turns[first : first + MOST_WITHOUT_TURN]}) == 1
            assert made.turns[-1] > made.turns[first]


async def test_who_waits_more_often_than_may_be_open_is_refused_without_a_protocol(
    clients: ExitStack,
) -> None:
    with changed_settings(UNLIMITED_ADDRESSES=[], MAX_CONNECTIONS_PER_ADDRESS=3):
        address_limits.forget_limits()
        async with accepting() as made:
            connected = made.connect(*[CROWD] * 6, OTHER)
            for client in connected:
                clients.enter_context(client)
            made.acceptor.start()
            await until(lambda: len(made.opened) == 5)
            assert sorted(made.opened) == [CROWD] * 4 + [OTHER]
            for client in connected[4:6]:
                answer = await asyncio.to_thread(client.recv, 4096)
                assert answer.startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
                assert b"\r\nconnection: close\r\n" in answer
                assert await asyncio.to_thread(client.recv, 4096) == b""


async def test_a_proxy_has_the_connections_of_all_its_clients(clients: ExitStack) -> None:
    with changed_settings(
        UNLIMITED_ADDRESSES=[], MAX_CONNECTIONS_PER_ADDRESS=1, TRUSTED_PROXIES=[CROWD]
    ):
        address_limits.forget_limits()
        async with accepting() as made:
            for client in made.connect(*[CROWD] * 10):
                clients.enter_context(client)
            made.acceptor.start()
            await until(lambda: len(made.opened) == 10)


async def test_a_client_that_has_given_up_stops_nobody(clients: ExitStack) -> None:
    async with accepting(errno.ECONNABORTED, errno.EPROTO) as made:
        (client,) = made.connect(CROWD)
        clients.enter_context(client)
        made.acceptor.start()
        await until(lambda: len(made.opened) == 1)


@pytest.mark.parametrize("error", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
async def test_without_resources_it_pauses_and_reports_it_once(
    clients: ExitStack,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: int,
) -> None:
    limit = ConnectionLimit(None)
    monkeypatch.setattr(acceptor, "connection_limit", lambda: limit)
    monkeypatch.setattr(acceptor, "PAUSE_SECONDS", 0.01)
    async with accepting(error, error, error) as made:
        (client,) = made.connect(CROWD)
        clients.enter_context(client)
        made.acceptor.start()
        await until(lambda: len(made.opened) == 1)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "acceptance of connections" in caplog.text


async def test_it_can_be_closed_while_it_pauses(
    clients: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acceptor, "connection_limit", lambda: ConnectionLimit(None))
    monkeypatch.setattr(acceptor, "PAUSE_SECONDS", 0.0)
    async with accepting(*[errno.EMFILE] * 10_000) as made:
        (client,) = made.connect(CROWD)
        clients.enter_context(client)
        made.acceptor.start()
        await until(lambda: len(made.listening.errors) < 9_990)
        made.acceptor.close()
        made.acceptor.close()
        left = len(made.listening.errors)
        for _ in range(10):
            await asyncio.sleep(0)
        assert (len(made.listening.errors), made.opened) == (left, [])


async def test_no_more_wait_than_there_may_be(
    clients: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = ConnectionLimit(4)
    monkeypatch.setattr(acceptor, "connection_limit", lambda: limit)
    async with accepting() as made:
        for client in made.connect(*[CROWD] * 10):
            clients.enter_context(client)
        made.acceptor.start()
        while len(made.opened) < 10:
            await asyncio.sleep(0)
            assert len(made.acceptor._waiting) <= 4
        # The protocol refuses those beyond the limit: each of them gets its answer.
        assert made.opened == [CROWD] * 10


async def test_what_is_not_open_is_closed_when_the_server_stops(clients: ExitStack) -> None:
    async with accepting() as made:
        connected = made.connect(*[CROWD] * 5)
        for client in connected:
            clients.enter_context(client)
        made.acceptor.start()
        while not made.opened:  # noqa: ASYNC110  # in the very turn in which the first is open
            await asyncio.sleep(0)
        made.acceptor.close()
        await made.acceptor.wait_closed()
        assert await asyncio.to_thread(connected[-1].recv, 1) == b""
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(made.opened) < 5
        # What is being opened goes on, and its protocol is told that it is closed.
        await until(lambda: made.lost >= len(made.opened) - 1)


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_every_protocol_that_knows_its_connection_is_told_of_its_end(
    clients: ExitStack, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    """Whenever the server stops: a connection that nobody closes would hold it up."""

    async def stop_after(turns: int) -> None:
        async with accepting() as made:
            for client in made.connect(*[CROWD] * 3):
                clients.enter_context(client)
            made.acceptor.start()
            for _ in range(turns):
                await asyncio.sleep(0)
            made.acceptor.close()
            for transport in made.transports:
                transport.close()
            await made.acceptor.wait_closed()
            await until(lambda: made.lost == len(made.opened))

    with asyncio.Runner(loop_factory=loop) as runner:
        for turns in range(12):
            runner.run(stop_after(turns))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a certificate of this machine that signs itself, and its key."""
    return write_certificate(tmp_path_factory.mktemp("tls") / "certificate.pem", "localhost")


async def test_tls(clients: ExitStack, certificate: Path) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(certificate))
    async with accepting(tls=tls) as made:
        plain, connected = made.connect(CROWD, OTHER)
        clients.enter_context(plain)
        made.acceptor.start()
        await asyncio.to_thread(plain.sendall, b"GET / HTTP/1.1\r\n\r\n")
        with await asyncio.to_thread(
            trusting.wrap_socket, connected, server_hostname="localhost"
        ) as client:
            assert client.version() == "TLSv1.3"
            await until(lambda: made.opened == [OTHER])
        # Who speaks no TLS gets no answer, and the end of the connection.
        while await asyncio.to_thread(plain.recv, 4096):
            pass
