"""The layer over TLS, over a Unix socket, and as a Redis user with few rights."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from live_inbox.delivery.redis_layer import RedisLayer
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.redis_server import RedisServer
from tests.stacks.sentinel_server import SentinelServer

SLOW_MACHINE = {"socket_timeout": 30, "socket_connect_timeout": 30}


def make_layer(url: str, prefix: str = "inbox") -> RedisLayer:
    return RedisLayer(hosts=[{"address": url, **SLOW_MACHINE}], prefix=prefix)


RUNNERS: list[Callable[[Coroutine[Any, Any, None]], None]] = [asyncio.run, uvloop.run]


class Proxy:
    """Passes connections on to a Redis: over TLS or a Unix socket, which the server itself may not have."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server
        self._lines: set[asyncio.StreamWriter] = set()

    async def forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one connection in both directions."""
        self._lines.add(writer)
        inner = await asyncio.open_connection("127.0.0.1", self._server.port)
        self._lines.add(inner[1])
        with suppress(ConnectionError):
            await asyncio.gather(self._copy(reader, inner[1]), self._copy(inner[0], writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def close(self, listener: asyncio.Server) -> None:
        """End it all."""
        listener.close()
        for line in self._lines:
            line.transport.abort()
        await asyncio.gather(*(line.wait_closed() for line in self._lines), return_exceptions=True)


def certificate(directory: Path) -> tuple[Path, ssl.SSLContext]:
    """Make a certificate for 127.0.0.1; return its file and what a server with it uses."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "redis")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    file, private = directory / "redis.crt", directory / "redis.key"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, private)
    return file, context


@asynccontextmanager
async def address(kind: str, server: RedisServer, directory: Path) -> AsyncIterator[str]:
    """Make the server reachable in another way while in the block."""
    password = server.url.partition("@")[0].rpartition(":")[2]
    proxy = Proxy(server)
    if kind == "unix":
        path = directory / "redis.sock"
        listener = await asyncio.start_unix_server(proxy.forward, path)
        url = f"unix://:{password}@{path}?db=0"
    else:
        file, context = certificate(directory)
        listener = await asyncio.start_server(proxy.forward, "127.0.0.1", 0, ssl=context)
        port = listener.sockets[0].getsockname()[1]
        url = f"rediss://:{password}@127.0.0.1:{port}/0?ssl_ca_certs={file}"
    try:
        yield url
    finally:
        await proxy.close(listener)


async def everything_works(url: str) -> None:
    layer = make_layer(url)
    channel = await layer.new_channel("here.")
    await layer.group_add("a", channel)
    # More than the buffers of any kind hold.
    message = {"type": "inbox.events", "from": "me", "inboxes": {"7": [b"x" * 300_000, b"y"]}}
    for _ in range(3):
        await layer.group_send("a", message)
        while not (messages := await layer.receive_many(channel)):
            continue
        assert messages == [message]
    await layer.flush()


@pytest.mark.parametrize("run", RUNNERS)
@pytest.mark.parametrize("kind", ["unix", "tls"])
def test_it_works_over(
    kind: str,
    run: Callable[[Coroutine[Any, Any, None]], None],
    private_redis: RedisServer,
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with address(kind, private_redis, tmp_path) as url:
            await everything_works(url)

    run(scenario())


async def test_a_certificate_of_an_unknown_authority_is_refused(
    private_redis: RedisServer, tmp_path: Path
) -> None:
    async with address("tls", private_redis, tmp_path) as url:
        layer = make_layer(url.partition("?")[0])
        with pytest.raises(redis.ConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
            await layer.group_send("a", {"from": "me", "inboxes": {}})
        await layer.flush()


async def test_it_works_as_a_user_with_few_rights(private_redis: RedisServer) -> None:
    with redis.Redis.from_url(private_redis.url, socket_timeout=60) as admin:
        rights = ["+subscribe", "+unsubscribe", "+publish", "+ping", "+select", "resetchannels"]
        admin.execute_command("ACL", "SETUSER", "bell", "on", ">secret", *rights, "&inbox*")
    url = f"redis://bell:secret@127.0.0.1:{private_redis.port}/3"
    await everything_works(url)
    layer = make_layer(url, prefix="other")
    with pytest.raises(redis.exceptions.NoPermissionError):
        await layer.group_send("a", {"from": "me", "inboxes": {}})
    await layer.flush()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_sentinel_that_is_down_is_passed_over_while_a_doorbell_is_sent(
    private_redis: RedisServer, process_registry: ProcessRegistry
) -> None:
    with SentinelServer(process_registry, private_redis) as sentinel:
        host = sentinel.host
        host["sentinels"] = [("127.0.0.1", 1), *host["sentinels"]]
        layer = RedisLayer(hosts=[host], prefix="inbox")
        async with asyncio.timeout(20):
            while True:
                # As `live_inbox.delivery.publishing` does: what is not sent by then is dropped.
                with suppress(TimeoutError):
                    async with asyncio.timeout(1.0):
                        await layer.group_send("a", {"from": "me", "inboxes": {}})
                        break
        await layer.flush()
        gc.collect()
