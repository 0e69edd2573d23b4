"""Compiled queries: byte for byte what graphql-core gives, or left to graphql-core."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from weakref import WeakSet

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from graphql import DocumentNode, parse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from live_inbox import services
from live_inbox.identity.callers import Caller
from live_inbox.internals.strawberry_schema import core_schema
from live_inbox.models import Notification
from live_inbox_graphql import cursors, json_text
from live_inbox_graphql.compiled import queries as compiled_queries
from live_inbox_graphql.compiled import selection_memory
from live_inbox_graphql.compiled.queries import CompiledQueries
from live_inbox_graphql.context import Context
from live_inbox_graphql.query_results import result_for
from live_inbox_graphql.schema import build
from tests.changed_settings import changed_settings
from tests.graphql.compiling import needs_compiled_selections
from tests.graphql.query_documents import Asked, queries

pytestmark = [pytest.mark.django_db(transaction=True), needs_compiled_selections]

SCHEMA = build()
CORE = core_schema(SCHEMA.schema)

PARTS: dict[str, Any] = {
    "icon": "/bell.svg",
    "actor": {"name": "Ana", "picture": "/ana.png"},
    "target": {"type": "shop.order", "id": 7},
    "actions": [{"label": "Pay", "id": "pay"}, {"label": "Open", "link": "/orders/7"}],
    "format": "markdown",
}


@pytest.fixture
def inbox(alice: User, bob: User) -> list[int]:
    """Notifications of every sort; their ids, and one of somebody else."""
    contents: list[dict[str, Any]] = [
        {"title": "plain"},
        {"title": 'é ☀ 😀 \\ " </script>', "message": "two\nlines", "type": "news"},
        {"title": "data", "data": {"a": [1, 2.5, None, {"b": 2**60}], "é": ""}, "type": "a"},
        {"title": "link", "link": "/a?b=c", "sender_id": bob.pk, "type": "news"},
        {"title": "ends", "expires_at": timezone.now() + timedelta(days=2), "type": "a"},
        {"title": "own", "sender_id": alice.pk},
    ]
    for content in contents:
        sent = services.send(recipient_id=alice.pk, **content).notification
        assert sent is not None
    first, *_ = Notification.objects.filter(recipient=alice).values_list("id", flat=True)
    services.mark_read(user_id=alice.pk, notification_id=first)
    for title, change in (("pinned", services.pin), ("archived", services.archive)):
        sent = services.send(
            recipient_id=alice.pk, title=title, priority="high", **PARTS
        ).notification
        assert sent is not None
        change(user_id=alice.pk, notification_id=sent.pk)
        services.perform_action(user_id=alice.pk, notification_id=sent.pk, action_id="pay")
    until = timezone.now() + timedelta(days=2)
    for title in ("snoozed", "returned"):
        sent = services.send(recipient_id=alice.pk, title=title).notification
        assert sent is not None
        services.snooze(user_id=alice.pk, notification_id=sent.pk, until=until)
    newest = Notification.objects.latest("id")
    services.unsnooze(user_id=alice.pk, notification_id=newest.pk)
    services.send(recipient_id=bob.pk, title="not alice's")
    return list(Notification.objects.values_list("id", flat=True))


async def executed(user: User, asked: Asked) -> tuple[bytes, bool]:
    """Return what graphql-core gives, and whether there were errors."""
    result = await SCHEMA.execute(
        asked.text,
        variable_values=asked.variables,
        context_value=Context(Caller(user)),
        operation_name=asked.operation_name,
    )
    return json_text.dumps({"data": result.data}), bool(result.errors)


async def compiled(user: User, asked: Asked, *, is_fresh: bool = True) -> bytes | None:
    query = SCHEMA.compiled_query(asked.text, asked.operation_name, asked.variables)
    return None if query is None else await result_for(query, Caller(user), is_fresh=is_fresh)


def test_the_bytes_are_those_of_graphql_core(alice: User, inbox: list[int]) -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.data())
    def compare(data: st.DataObject) -> None:
        asked = data.draw(queries(CORE, inbox))

        async def both() -> tuple[tuple[bytes, bool], bytes | None]:
            return await executed(alice, asked), await compiled(
                alice, asked, is_fresh=data.draw(st.booleans())
            )

        (expected, failed), found = asyncio.run(both())
        seen["asked"] += 1
        if found is None:
            lists = asked.constructs["notifications"]
            assert failed or asked.constructs["directive"] or lists > 1
            return
        assert found == expected
        assert not failed
        seen["compiled"] += 1
        seen.update(name for name, count in asked.constructs.items() if count)

    compare()
    assert seen["compiled"] > seen["asked"] / 6
    for construct in (
        *("nodes", "edges", "pageInfo", "sender", "viewer", "variable"),
        *("named fragment", "inline fragment", "alias"),
    ):
        assert seen[construct], construct


ALL = """query All($first: Int, $filter: NotificationFilter, $after: String) {
  __typename
  me: viewer { __typename id username name }
  notifications(first: $first, filter: $filter, after: $after) {
    __typename totalCount unreadCount unseenCount archivedCount snoozedCount stoppedEarly position
    pageInfo { __typename hasNextPage hasPreviousPage startCursor endCursor }
    edges { __typename cursor node { ...Everything } }
    nodes { ...Everything }
  }
}
fragment Everything on Notification {
  __typename id type title message link data read readAt createdAt expiresAt
  priority folder snoozedUntil pinned performedAction performedAt rank editedAt
  actor { __typename userId name picture } target { __typename type objectId }
  actions { __typename label actionId link } icon format
  sender { __typename id username name }
}"""


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"first": 2},
        {"first": 80, "filter": {"read": False}},
        {"filter": {"types": ["news", "a"], "read": None}},
        {"filter": {"types": []}},
        {"filter": {"folder": "ARCHIVE"}},
        {"filter": {"folder": "SNOOZED", "types": ["general"]}},
        {"filter": {"pinnedOnly": True}},
        {"filter": {"priorities": ["HIGH", "NORMAL"], "types": ["general"]}},
        {"filter": {"seen": False, "categories": ["money"]}},
        {"filter": {"seen": True, "text": "a"}},
        {"filter": {"text": "nothing like that"}},
        {"first": 1, "after": cursors.encode(1)},
    ],
)
async def test_every_field(alice: User, inbox: list[int], variables: dict[str, Any]) -> None:
    assert inbox
    asked = Asked(ALL, "All", variables, Counter())
    assert (await compiled(alice, asked), False) == await executed(alice, asked)


@pytest.mark.parametrize(
    "text",
    [
        "{ notifications(first: 0) { totalCount } }",
        "{ notifications(first: 101) { totalCount } }",
        '{ notifications(after: "bad") { totalCount } }',
        "{ notifications(first: 1, last: 1) { totalCount } }",
        '{ notifications(filter: {types: ["no slug"]}) { totalCount } }',
        "{ a: notifications { totalCount } b: notifications { totalCount } }",
        "{ notificationPreferences { type } }",
        '{ notification(id: "1") { id } }',
        "{ __schema { queryType { name } } }",
        "{ viewer @skip(if: false) { id } }",
        "mutation { markAllRead { count } }",
        "subscription { notificationEvents { position } }",
        "query A { __typename } query B { __typename }",
        "query($first: Int!) { notifications(first: $first) { totalCount } }",
        "{ nothing }",
        "{",
    ],
)
def test_what_is_left_to_graphql_core(text: str) -> None:
    assert SCHEMA.compiled_query(text, None, None) is None


@pytest.mark.parametrize(
    "changes", [{"FAST_PATH": False}, {"MAX_QUERY_COST": 100}, {"MAX_PAGE_SIZE": 1}]
)
def test_settings_leave_it_to_graphql_core(changes: dict[str, Any]) -> None:
    text = "{ notifications(first: 9) { totalCount nodes { id title } } }"
    assert SCHEMA.compiled_query(text, None, None) is not None
    with changed_settings(**changes):
        assert SCHEMA.compiled_query(text, None, None) is None


async def test_without_the_scope_graphql_core_reports_it(alice: User) -> None:
    query = SCHEMA.compiled_query("{ viewer { id } }", None, None)
    assert query is not None
    caller = Caller(alice, scopes=frozenset({"notifications:send"}))
    assert await result_for(query, caller, is_fresh=True) is None


class TestRemembering:
    TEXT = "query($first: Int) { notifications(first: $first) { totalCount } }"

    @pytest.fixture
    def compiler(self) -> CompiledQueries:
        return CompiledQueries(CORE)

    @pytest.fixture
    def ask(self, compiler: CompiledQueries) -> Callable[..., Any]:
        documents: dict[str, Any] = {}

        def ask(text: str = self.TEXT, **variables: Any) -> Any:
            if text not in documents:
                documents[text] = SCHEMA._cache.document(CORE, text)
            return compiler.compile(documents[text], None, variables)

        return ask

    def test_the_same_request_is_compiled_once(self, ask: Callable[..., Any]) -> None:
        assert ask(first=1) is ask(first=1)

    def test_variables_make_a_difference_and_share_the_selection(
        self, ask: Callable[..., Any]
    ) -> None:
        first, second = ask(first=1), ask(first=2)
        assert (first.list_arguments.limit, second.list_arguments.limit) == (1, 2)
        assert first.selection is second.selection
        assert ask().list_arguments.limit == 20
        assert ask(first=None).list_arguments.limit == 20

    def test_requests_are_bounded(
        self, ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(compiled_queries, "MAX_ARGUMENTS", 3)
        first = ask(first=1)
        for number in range(2, 5):
            ask(first=number)
        assert ask(first=1) is not first
        assert ask(first=4) is ask(first=4)

    def test_selections_are_bounded(
        self,
        ask: Callable[..., Any],
        compiler: CompiledQueries,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(selection_memory, "MAX_CHARACTERS", 200)
        for number in range(50):
            ask(f"{{ viewer {{ a{number}: id }} }}")
        assert 1 < len(compiler._memory) == len(compiler._memory._documents) <= 8
        assert compiler._memory.size <= 200

    def test_documents_in_use_are_kept(
        self, ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(selection_memory, "MAX_CHARACTERS", 300)
        first = ask(first=1)
        for number in range(50):
            ask(f"{{ viewer {{ a{number}: id }} }}")
            assert ask(first=1) is first

    @pytest.mark.parametrize(
        "text", ["{ viewer { %s: id } }", "{ notification(id: 1) { %s: id } }"]
    )
    def test_documents_are_not_kept_beyond_that(
        self, compiler: CompiledQueries, monkeypatch: pytest.MonkeyPatch, text: str
    ) -> None:
        """Whether they are compiled or not."""
        monkeypatch.setattr(selection_memory, "MAX_CHARACTERS", 4000)
        kept: WeakSet[DocumentNode] = WeakSet()
        for number in range(200):
            document = parse(text % f"a{number:0999}")
            kept.add(document)
            compiler.compile(document, None, None)
            del document
        gc.collect()
        assert 0 < len(kept) < 5

    def test_threads_may_share_it(
        self, compiler: CompiledQueries, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As those of a WSGI server do, each of which has an event loop."""
        monkeypatch.setattr(selection_memory, "MAX_CHARACTERS", 85)
        documents = [parse(f"{{ viewer {{ a{number}: id }} }}") for number in range(6)]
        monkeypatch.setattr(compiled_queries, "MAX_ARGUMENTS", 2)
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            with ThreadPoolExecutor(8) as threads:
                asked = [documents[number * number % 7 % 6] for number in range(12_000)]
                found = list(threads.map(lambda each: compiler.compile(each, None, None), asked))
        finally:
            sys.setswitchinterval(interval)
        assert [each and each.selection.document for each in found] == asked
        assert compiler._memory.size <= 85

    def test_the_last_document_is_remembered_whatever_its_length(
        self, ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(selection_memory, "MAX_CHARACTERS", 10)
        assert ask(first=1) is ask(first=1)

    def test_large_variables_are_not_remembered(self, ask: Callable[..., Any]) -> None:
        text = "query($types: [String!]) { notifications(filter: {types: $types}) { totalCount } }"
        types = ["a" * 60 for _ in range(20)]
        assert ask(text, types=types) is not ask(text, types=types)
