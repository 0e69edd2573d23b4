"""Event streams of `manage.py serve`: how they end, for pages that have signed in as well."""

from __future__ import annotations

import asyncio
import signal

import pytest
from django.contrib.auth import get_user_model
from django.test import Client as Browser

from live_inbox import services
from live_inbox.database_threads import in_database_thread
from live_inbox.identity.revocation import revoke_tokens
from tests.end_to_end.serve_command import ServeStarter
from tests.end_to_end.test_draining import IN_GOOD_ORDER, ended
from tests.graphql.stream_client import StreamClient, StreamEnded, opened_stream

STREAMS = 30
TITLES = """subscription { notificationEvents {
    ... on NotificationAdded { notification { title } } } }"""

pytestmark = pytest.mark.django_db(transaction=True)


def headers_of(token: str) -> dict[str, str]:
    return {"Host": "localhost", "Authorization": f"Bearer {token}"}


@pytest.fixture
def cookie(alice: int) -> str:
    """The cookie of a browser in which alice has signed in."""
    browser = Browser()
    browser.force_login(get_user_model().objects.get(pk=alice))
    return f"sessionid={browser.cookies['sessionid'].value}"


async def end_of(stream: StreamClient) -> StreamEnded:
    """Wait until the stream has begun, and then until it has ended."""
    await stream.begun()
    return await stream.ended()


async def test_all_end_when_the_server_stops(start_serve: ServeStarter, token: str) -> None:
    serve = await asyncio.to_thread(start_serve)
    async with asyncio.TaskGroup() as group, asyncio.timeout(60):
        stack = []
        for _ in range(STREAMS):
            opened = opened_stream(serve.port, TITLES, headers=headers_of(token))
            stream = await opened.__aenter__()
            await stream.begun()
            stack.append((opened, stream, group.create_task(stream.ended())))
        serve.child.ask_to_stop()
        for opened, stream, ending in stack:
            assert (await ending).is_whole
            assert stream.retry is not None
            await opened.__aexit__(None, None, None)
    assert await ended(serve.child) in IN_GOOD_ORDER
    assert "Traceback" not in serve.child.text()


async def test_a_second_interrupt_ends_them_at_once(start_serve: ServeStarter, token: str) -> None:
    serve = await asyncio.to_thread(start_serve)
    async with opened_stream(serve.port, TITLES, headers=headers_of(token)) as stream:
        await stream.begun()
        serve.interrupt()
        serve.interrupt()
        assert (await stream.ended()).is_whole
    assert await ended(serve.child) in (0, -signal.SIGINT)


async def test_a_session_of_the_site(start_serve: ServeStarter, alice: int, cookie: str) -> None:
    serve = await asyncio.to_thread(start_serve)
    headers = {"Host": "localhost", "Cookie": cookie, "Sec_Fetch_Site": "same-origin"}
    async with opened_stream(serve.port, TITLES, method="GET", headers=headers) as stream:
        assert stream.status == 200
        assert "content-security-policy" in stream.headers
        await stream.begun()
        await in_database_thread(services.send, recipient_id=alice, title="Hello")
        assert (await stream.data())["notification"]["title"] == "Hello"
        browser = Browser()
        browser.cookies["sessionid"] = cookie.partition("=")[2]
        await asyncio.to_thread(browser.logout)
        assert (await stream.ended()).is_whole
        last = stream.last_event_id
    async with opened_stream(
        serve.port, TITLES, method="GET", Last_Event_ID=last, headers=headers
    ) as stream:
        assert stream.status == 401


async def test_a_revocation_ends_them(start_serve: ServeStarter, alice: int, token: str) -> None:
    serve = await asyncio.to_thread(start_serve)
    async with opened_stream(serve.port, TITLES, headers=headers_of(token)) as stream:
        await stream.begun()
        await in_database_thread(revoke_tokens, user_id=alice)
        assert (await stream.ended()).is_whole
    async with opened_stream(serve.port, TITLES, headers=headers_of(token)) as stream:
        assert stream.status == 401
