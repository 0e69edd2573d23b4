"""No case of Autobahn's suite fails, at either API, with the server's own protocol class and with uvicorn's."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from live_inbox.identity.issuing import issue_token
from tests.conformance.apis import APIS, Api
from tests.conformance.cases import OFFERS, Case, all_cases
from tests.conformance.conversation import RawSocket, difference
from tests.conformance.frames import CLOSE, PING, PONG, TEXT, Frame, encoded
from tests.stacks.uvicorn_server import ServerProcess

pytestmark = [pytest.mark.stack("embedded"), pytest.mark.django_db(transaction=True)]

PAGE = Path(__file__).parents[2] / "docs" / "asgi.md"

AT_ONCE = 12

OF_UVICORN = {"7.1.5"}
"""Where uvicorn's own class differs from the suite: it calls a close within a message a protocol error."""


@pytest.mark.parametrize("fast_path", ["true", "false"])
def test_no_case_fails(start_server: Callable[..., ServerProcess], fast_path: str) -> None:
    server = start_server(SOCKET_RATE="1000000/second burst 1000000", FAST_PATH=fast_path)
    token = issue_token(User.objects.create_user("alice"), ttl_seconds=600)
    failed = asyncio.run(_failed(server.port, token, is_strict=fast_path == "true"))
    if fast_path == "false":
        failed = [each for each in failed if each.split()[0] not in OF_UVICORN]
    assert not failed, "\n".join(failed)
    assert server.answers()
    if fast_path == "true":
        assert "Traceback" not in server.log(), server.log()[-5000:]


async def _failed(port: int, token: str, *, is_strict: bool) -> list[str]:
    room = asyncio.Semaphore(AT_ONCE)

    async def run(case: Case, api: Api) -> str | None:
        async with room:
            return await difference(case, api, port, token, is_strict=is_strict)

    results = await asyncio.gather(*(run(case, api) for api in APIS for case in all_cases()))
    offers = await asyncio.gather(*(_declined(port, offer) for offer in OFFERS.values()))
    return [result for result in (*results, *offers) if result is not None]


async def _declined(port: int, offer: str) -> str | None:
    """Offer compression. The server declines it, reads what is not compressed, and refuses what is."""
    socket = RawSocket(*await asyncio.open_connection("127.0.0.1", port))
    try:
        headers = (
            f"Sec-WebSocket-Protocol: graphql-transport-ws\r\nSec-WebSocket-Extensions: {offer}\r\n"
        )
        head = await socket.handshake("/graphql/", headers)
        await socket.write(encoded(Frame(PING, b"plain")))
        pong = await socket.frame()
        await socket.write(encoded(Frame(TEXT, b"\xca\x48\xcd\xc9\xc9\x07\x00", reserved=4)))
        end = await socket.frame()
    finally:
        socket.close()
    is_declined = "sec-websocket-extensions" not in head.lower()
    is_answered = pong == Frame(PONG, b"plain")
    is_refused = end is not None and end.opcode == CLOSE and end.payload[:2] == b"\x03\xea"
    return None if is_declined and is_answered and is_refused else f"{offer}: {head}, {pong}, {end}"


def test_the_docs_have_the_number_of_cases() -> None:
    rows = re.findall(r"^\| (\d+)[^|]*\|[^|]*\| (\d+) \|", PAGE.read_text(), re.M)
    assert {int(section): int(count) for section, count in rows} == Counter(
        case.section for case in all_cases()
    )
