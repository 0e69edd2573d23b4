"""Long documents are parsed and checked in a thread, whichever way they come."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest
from django.contrib.auth.models import User
from graphql import parse

from live_inbox_graphql import document_examination, document_thread, documents
from live_inbox_graphql.context import Context
from live_inbox_graphql.document_examination import Examination, parse_text
from live_inbox_graphql.document_thread import MOST_INLINE
from live_inbox_graphql.documents import DocumentCache
from live_inbox_graphql.schema import build
from tests.changed_settings import changed_settings
from tests.graphql.graphql_server import Client, running_graphql_server
from tests.graphql.http_client import Ask, bearer
from tests.graphql.stream_client import opened_stream
from tests.waiting import until

THREAD = "live-inbox-documents_0"

_numbers = count()


def long(text: str) -> str:
    """Return a document that is new, and too long for the event loop."""
    return f"{text} # {next(_numbers)} {'x' * MOST_INLINE}"


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """In which threads each text was parsed."""
    threads: dict[str, list[str]] = {}

    def noting(text: str, **options: Any) -> Any:
        threads.setdefault(text, []).append(threading.current_thread().name)
        options.pop("give_way", None)
        return parse(text, **options)

    monkeypatch.setattr(document_examination, "parse_document", noting)
    monkeypatch.setattr("strawberry.schema.schema.parse", noting)
    return threads


class Examined:
    """Examinations that wait for a word."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()
        self.begun: list[str] = []

    def __call__(self, schema: Any, text: str, give_way: Any) -> Examination:
        self.begun.append(text)
        assert self.may_go_on.wait(30)
        return document_examination.examine(schema, text, give_way)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Examined]:
    """Hold up all examinations."""
    examined = Examined()
    monkeypatch.setattr(document_thread, "examine", examined)
    yield examined
    examined.may_go_on.set()


class TestWays:
    @pytest.mark.parametrize(
        "text", ["{ viewer { username } }", "mutation { markAllRead { count } }"]
    )
    async def test_requests(
        self, ask: Ask, through: str, alice: User, parsed: dict[str, list[str]], text: str
    ) -> None:
        asked = long(text)
        for _ in range(2):
            assert "errors" not in await ask(asked, alice)
        assert parsed == {asked: [THREAD]}

    async def test_requests_of_nobody(self, ask: Ask, parsed: dict[str, list[str]]) -> None:
        asked = long("{ __typename }")
        assert await ask.data(asked, None) == "Query"
        assert parsed == {asked: [THREAD]}

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("{ viewer { ", "GRAPHQL_PARSE_FAILED"),
            ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
            ("{ viewer {" + " id" * 51 + " } }", "GRAPHQL_VALIDATION_FAILED"),
            ("{ viewer {" + " id" * 3000 + " } }", "GRAPHQL_PARSE_FAILED"),
        ],
    )
    async def test_requests_that_are_refused(
        self,
        ask: Ask,
        through: str,
        alice: User,
        parsed: dict[str, list[str]],
        text: str,
        code: str,
    ) -> None:
        for user in (alice, None):
            asked = long(text)
            (error,) = (await ask(asked, user))["errors"]
            assert error["extensions"]["code"] == code
            assert parsed.pop(asked) == [THREAD]

    async def test_sockets(self, client: Client, alice: User, parsed: dict[str, list[str]]) -> None:
        query, subscription = (
            long("{ viewer { username } }"),
            long("subscription { notificationEvents { position } }"),
        )
        assert await client.ask(query) == {"data": {"viewer": {"username": "alice"}}}
        await client.start("events", subscription)
        await until(lambda: subscription in parsed)
        assert await client.ask("{ __typename }") == {"data": {"__typename": "Query"}}
        assert (parsed[query], parsed[subscription]) == ([THREAD], [THREAD])

    async def test_sockets_whose_documents_are_refused(
        self, client: Client, parsed: dict[str, list[str]]
    ) -> None:
        for text, code in (
            ("{ viewer { ", "GRAPHQL_PARSE_FAILED"),
            ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ):
            asked = long(text)
            await client.start("refused", asked)
            message = await client.receive()
            errors = message["payload"]
            (error,) = errors if isinstance(errors, list) else [errors]
            assert (message["type"], error["extensions"]["code"]) == ("error", code)
            assert parsed[asked] == [THREAD]

    @pytest.mark.parametrize("bypasses", [True, False])
    async def test_event_streams(
        self, alice: User, parsed: dict[str, list[str]], bypasses: bool
    ) -> None:
        asked = long("subscription { notificationEvents { position } }")
        with changed_settings(BYPASS_MIDDLEWARE=bypasses):
            async with (
                running_graphql_server() as server,
                opened_stream(server.port, asked, Authorization=bearer(alice)) as stream,
            ):
                assert stream.status == 200
        assert parsed == {asked: [THREAD]}


class TestExamining:
    async def test_the_event_loop_goes_on_meanwhile(self, held: Examined) -> None:
        own, asked = build(), long("{ __typename }")
        examining = asyncio.create_task(own.examine(asked))
        while not held.begun:  # noqa: ASYNC110  # another thread begins it
            await asyncio.sleep(0)
        assert not examining.done()
        assert not own.has_checked(asked)
        held.may_go_on.set()
        await examining
        assert own.has_checked(asked)

    async def test_callers_with_one_document_share_the_work(self, held: Examined) -> None:
        own, asked = build(), long("{ __typename }")
        examining = [asyncio.create_task(own.examine(asked)) for _ in range(3)]
        while not held.begun:  # noqa: ASYNC110  # another thread begins it
            await asyncio.sleep(0)
        examining[0].cancel()
        held.may_go_on.set()
        results = await asyncio.gather(*examining, return_exceptions=True)
        assert [type(result) for result in results] == [
            asyncio.CancelledError,
            type(None),
            type(None),
        ]
        assert held.begun == [asked]
        assert own.has_checked(asked)
        assert not own._thread._under_way

    async def test_short_documents_and_known_ones_are_not_examined(self, held: Examined) -> None:
        own = build()
        short = "{ __typename }".ljust(MOST_INLINE)
        await own.examine(short)
        known = long("{ __typename }")
        held.may_go_on.set()
        await own.examine(known)
        await own.examine(known)
        assert held.begun == [known]

    async def test_short_documents_have_a_turn_of_the_loop_each(self) -> None:
        own, ends = build(), list[int]()
        now = 0

        async def follow() -> None:
            nonlocal now
            while True:
                await asyncio.sleep(0)
                now += 1

        async def examine(number: int) -> None:
            await own.examine(f"{{ a{number}: __typename }}")
            ends.append(now)

        following = asyncio.create_task(follow())
        await asyncio.gather(*(examine(number) for number in range(5)))
        following.cancel()
        assert len(set(ends)) == 5

    async def test_what_is_refused_is_examined_once(self, held: Examined) -> None:
        own = build()
        held.may_go_on.set()
        for text in (long("{ nothing }"), long("{ viewer {")):
            for _ in range(3):
                await own.examine(text)
                result = await own.execute(text, context_value=Context(None))
                assert result.errors
            assert held.begun.pop() == text
        assert not held.begun

    async def test_changed_settings_count(self) -> None:
        own, asked = build(), long("{ a { a { a { a { a } } } } }")
        with changed_settings(MAX_QUERY_DEPTH=4):
            await own.examine(asked)
            result = await own.execute(asked, context_value=Context(None))
            assert result.errors is not None
            assert "nested" in result.errors[0].message
        await own.examine(asked)
        result = await own.execute(asked, context_value=Context(None))
        assert result.errors is not None
        assert "Cannot query field" in result.errors[0].message


class TestRecent:
    def test_it_has_a_bound(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(documents, "MAX_RECENT_CHARACTERS", 100)
        cache = DocumentCache()
        for number in range(30):
            text = f"{{ a{number:07} }}"
            cache.note(text, parse_text(text))
        assert len(cache._recent) == 8
        assert cache._recent_characters == 96
        assert cache.known("{ a0000029 }") is not None
        assert cache.known("{ a0000021 }") is None

    def test_the_last_is_remembered_whatever_its_length(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(documents, "MAX_RECENT_CHARACTERS", 5)
        cache = DocumentCache()
        for text in ("{ first }", "{ second }"):
            cache.note(text, parse_text(text))
        assert cache.known("{ first }") is None
        assert cache.known("{ second }") is not None

    def test_what_was_examined_under_other_settings_is_not(self) -> None:
        cache = DocumentCache()
        with changed_settings(MAX_QUERY_DEPTH=5):
            found = parse_text("{ a }")
            cache.note("{ a }", found)
            assert cache.known("{ a }") is found.document
        assert cache.known("{ a }") is None
        cache.note("{ a }", found)
        assert cache.known("{ a }") is None

    def test_threads_may_share_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As those of a WSGI server do, each of which has an event loop."""
        monkeypatch.setattr(documents, "MAX_RECENT_CHARACTERS", 20)
        monkeypatch.setattr(documents, "MAX_REMEMBERED_CHARACTERS", 20)
        cache = DocumentCache()
        examined = {text: parse_text(text) for text in (f"{{ a{number} }}" for number in range(8))}
        for text in list(examined)[::2]:
            examined[text].errors = []

        def use(text: str) -> bool:
            document = cache.known(text)
            cache.note(text, examined[text])
            return document is None or document is examined[text].document

        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            with ThreadPoolExecutor(8) as threads:
                texts = [list(examined)[number * number % 11 % 8] for number in range(12_000)]
                assert all(threads.map(use, texts))
        finally:
            sys.setswitchinterval(interval)
        assert cache._recent_characters == sum(map(len, cache._recent))
        assert cache._characters == sum(map(len, cache._documents))
