"""TLS in front of a server that was built without it, as stunnel or a cloud's proxy puts it there."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from pathlib import Path

from tests.stacks.relay import Relay

_SSL_REQUEST = bytes.fromhex("0000000804d2162f")
"""With what a client of PostgreSQL asks for TLS: https://www.postgresql.org/docs/current/protocol-message-formats.html"""


class TlsRelay(Relay):
    """A relay whose clients speak TLS: with `postgres`, after the negotiation of PostgreSQL.

    `certificate` is a file with the key and the certificate. With `client_authority`, the file of a certificate, only
    clients are served that have a certificate of it.
    """

    def __init__(
        self,
        target: Path | int,
        certificate: Path,
        *,
        client_authority: Path | None = None,
        postgres: bool = False,
    ) -> None:
        super().__init__(target)
        self._postgres = postgres
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        if client_authority is not None:
            self._context.load_verify_locations(client_authority)
            self._context.verify_mode = ssl.CERT_REQUIRED

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The client does not trust this server, or the other way round.
        with suppress(OSError, ssl.SSLError, asyncio.IncompleteReadError):
            if self._postgres:
                if await reader.readexactly(len(_SSL_REQUEST)) != _SSL_REQUEST:
                    writer.transport.abort()
                    return
                writer.write(b"S")
            await writer.start_tls(self._context)
            await self._route.accept(reader, writer)
