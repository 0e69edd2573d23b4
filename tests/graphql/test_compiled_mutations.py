"""Compiled mutations: they do and answer what graphql-core does and answers, or are left to graphql-core."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from live_inbox import services
from live_inbox.events import Event
from live_inbox.identity.callers import Caller
from live_inbox.internals.strawberry_schema import core_schema
from live_inbox.models import Inbox, InboxEvent, Notification, NotificationPreference
from live_inbox.send_policy import SEND_SCOPE
from live_inbox.services import inbox_rows, one_statement
from live_inbox_graphql import json_text
from live_inbox_graphql.context import Context
from live_inbox_graphql.mutation_results import may_mutate, mutated
from live_inbox_graphql.schema import build
from tests.changed_settings import changed_settings
from tests.domain.replica import log_of
from tests.graphql.compiling import needs_compiled_selections
from tests.graphql.mutation_documents import CHANGES, OTHERS, Values, mutations
from tests.graphql.query_documents import Asked

pytestmark = [pytest.mark.django_db(transaction=True), needs_compiled_selections]

SCHEMA = build()
MANY = "1000000/second"
TYPES = {"report": {"title": "{{ name }} has a report", "retention_days": 1}}
CORE = core_schema(SCHEMA.schema)


@pytest.fixture
def ids(alice: User, bob: User, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Notifications of every sort; their ids, and one of somebody else. Fingerprints are the same each time."""
    for module in (inbox_rows, one_statement):
        monkeypatch.setattr(module, "new_fingerprint", lambda: 7)
    contents: list[dict[str, Any]] = [
        {"title": "read"},
        {"title": 'é ☀ 😀 \\ " </script>', "message": "two\nlines", "type": "news"},
        {"title": "data", "data": {"a": [1, 2.5, None]}, "sender_id": bob.pk, "link": "/a"},
    ]
    sent = [services.send(recipient_id=alice.pk, **content).notification for content in contents]
    sent.append(services.send(recipient_id=bob.pk, title="not alice's").notification)
    found = [each.pk for each in sent if each is not None]
    services.mark_read(user_id=alice.pk, notification_id=found[0])
    NotificationPreference.objects.create(user=bob, type="news", enabled=False)
    return found


@pytest.fixture
def values(alice: User, bob: User, ids: list[int]) -> Values:
    inbox = Inbox.objects.get(pk=alice.pk)
    return Values(
        ids=[*map(str, ids), "0", "x", str(10**30)],
        positions=[str(inbox.position), f"{inbox.epoch}.2", f"{inbox.epoch}.99", "no position"],
        recipients=[str(alice.pk), f"user:{alice.pk}", str(bob.pk), "0", "nobody"],
    )


def executed(caller: Caller, asked: Asked) -> bytes:
    """Return what graphql-core answers."""
    result = async_to_sync(SCHEMA.execute)(
        asked.text,
        variable_values=asked.variables,
        context_value=Context(caller),
        operation_name=asked.operation_name,
    )
    answer: dict[str, Any] = {"data": result.data}
    if result.errors:
        answer["errors"] = [error.formatted for error in result.errors]
    return json_text.dumps(answer)


def compiled(caller: Caller, asked: Asked) -> bytes | None:
    mutation = SCHEMA.compiled_mutation(asked.text, asked.operation_name, asked.variables)
    if mutation is None or not may_mutate(mutation, caller.scopes):
        return None
    return async_to_sync(mutated)(mutation, caller)


class Trial:
    """Does something and takes it back: what was answered, and what was in the tables then."""

    def __init__(self, users: list[User]) -> None:
        self._users = users
        self._newest = max(Notification.objects.values_list("pk", flat=True))

    def __call__(self, function: Any, *args: Any) -> tuple[str | None, object]:
        with transaction.atomic():
            answer = function(*args)
            state = [self._state(user) for user in self._users]
            transaction.set_rollback(True)
        return None if answer is None else self._comparable(answer.decode()), state

    def _state(self, user: User) -> object:
        rows = Notification.objects.filter(recipient=user).order_by("pk")
        events: list[Event] = log_of(user.pk)
        inbox = Inbox.objects.filter(pk=user.pk)
        return (
            [(row.pk <= self._newest and row.pk, row.title, row.read) for row in rows],
            [(event.sequence, event.kind, event.unread_count, event.count) for event in events],
            list(inbox.values_list("last_sequence", "unread_count", "total_count")),
        )

    def _comparable(self, text: str) -> str:
        """Return an answer without its moments and tokens, and without the ids that the database has given."""
        text = re.sub(r'"[A-Za-z0-9_-]{32}"', '"token"', text)
        text = re.sub(r'"20[0-9-]{8}T[0-9:.]+Z"', '"moment"', text)
        return re.sub(r'"([0-9]+)"', lambda m: m[0] if int(m[1]) <= self._newest else '"new"', text)


def test_the_answers_are_those_of_graphql_core(alice: User, bob: User, values: Values) -> None:
    trial = Trial([alice, bob])
    seen: Counter[str] = Counter()

    def compare(asked: Asked, scopes: frozenset[str]) -> None:
        caller = Caller(alice, scopes)
        expected, state = trial(executed, caller, asked)
        found, state_after = trial(compiled, caller, asked)
        seen["asked"] += 1
        if found is None:
            assert any(asked.constructs[name] for name in OTHERS) or (
                asked.constructs["directive"] or caller.scopes or '"path":' not in str(expected)
            )
            return
        assert found == expected
        assert state_after == state
        seen["compiled"] += 1
        seen["failed"] += '"errors"' in found
        seen["several"] += sum(asked.constructs[name] for name in CHANGES) > 1
        seen.update(name for name, count in asked.constructs.items() if count)

    with changed_settings(
        SEND_RATE=MANY,
        SERVICE_SEND_RATE=MANY,
        RECIPIENT_RATE=MANY,
        CHANGE_RATE=MANY,
        TYPES=TYPES,
    ):
        for first in CHANGES:
            drawing = given(mutations(CORE, values, first), st.sampled_from(SCOPES))
            # Always the same ones, for it has to be seen below that they have something of everything.
            settings(
                max_examples=40,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                derandomize=True,
                database=None,
            )(drawing(compare))()
    assert seen["compiled"] > seen["asked"] / 8
    for construct in (
        *(*CHANGES, "failed", "several", "merged", "variable", "alias", "sender"),
        *("named fragment", "inline fragment"),
    ):
        assert seen[construct], construct


SCOPES: list[frozenset[str]] = [
    *[frozenset()] * 4,
    *[frozenset({SEND_SCOPE})] * 2,
    frozenset({"notifications:read"}),
    frozenset({"notifications:send"}),
]

NOTIFICATION = """fragment Everything on Notification {
  __typename id type title message link data read readAt createdAt expiresAt
  actor { __typename userId name picture } target { __typename type objectId }
  actions { __typename label actionId link } icon format
  priority folder snoozedUntil pinned performedAction performedAt rank editedAt
  groupKey groupCount groupActors { __typename userId name picture } sender { __typename id username name }
}"""
CHANGED = "{ __typename notification { ...Everything } unreadCount unseenCount position }"


@pytest.mark.parametrize(
    "text",
    [
        f"mutation($id: ID!) {{ markRead(id: $id) {CHANGED} }} {NOTIFICATION}",
        f"mutation($id: ID!) {{ markUnread(id: $id) {CHANGED} }} {NOTIFICATION}",
        *(
            f"mutation($id: ID!) {{ {change}(id: $id) {CHANGED} }} {NOTIFICATION}"
            for change in ("archive", "unarchive", "unsnooze", "pin", "unpin")
        ),
        "mutation { markSeen { __typename count unreadCount unseenCount position } }",
        "mutation($id: ID!) { delete(id: $id) {"
        " __typename notificationId undoToken unreadCount unseenCount position } }",
        "mutation($id: ID!) { delete(id: $id, undoable: true) { __typename undoToken unreadCount position } }",
        "mutation { markAllRead { __typename count hasMore undoToken unreadCount unseenCount position } }",
        'mutation { send(input: {recipientId: "%s", title: "t", data: {a: 1}, priority: HIGH}) {'
        f" __typename suppressed replayed notification {{ ...Everything }} }} }} {NOTIFICATION}",
        'mutation { send(input: {recipientId: "%s", type: "report", context: {name: "Ana"}}) {'
        f" __typename suppressed replayed notification {{ ...Everything }} }} }} {NOTIFICATION}",
    ],
)
def test_every_field(alice: User, bob: User, ids: list[int], text: str) -> None:
    text = text.replace("%s", str(alice.pk))
    variables = {"id": str(ids[1])} if "$id" in text else {}
    asked = Asked(text, None, variables, Counter())
    trial = Trial([alice, bob])
    with changed_settings(TYPES=TYPES):
        found = trial(compiled, Caller(alice), asked)
        assert found == trial(executed, Caller(alice), asked)
    assert found[0] is not None
    assert "errors" not in found[0]


@pytest.mark.parametrize(
    "text",
    [
        "mutation($id: ID!) { markRead(id: $id) { position } }",
        "mutation { markAllRead @skip(if: false) { count } }",
        'mutation { setNotificationPreference(input: {type: "a", enabled: true}) { type } }',
        "mutation { markAllRead { count } createTicket(api: GRAPHQL) { ticket } }",
        "mutation { markAllRead(filter: {read: false}) { count } }",
        'mutation { sendMany(input: {title: "x"}) { sentCount } }',
        'mutation { snooze(id: "1", until: "2100-01-01T00:00:00Z") { position } }',
        "query { __typename }",
        "mutation A { __typename } mutation B { __typename }",
        "mutation { nothing }",
        "{",
    ],
)
def test_what_is_left_to_graphql_core(text: str) -> None:
    assert SCHEMA.compiled_mutation(text, None, None) is None


@pytest.mark.parametrize("changes", [{"FAST_PATH": False}, {"MAX_QUERY_COST": 100}])
def test_settings_leave_it_to_graphql_core(changes: dict[str, Any]) -> None:
    marks = " ".join(f"a{n}: markAllRead {{ count }}" for n in range(9))
    text = f"mutation {{ {marks} }}"
    assert SCHEMA.compiled_mutation(text, None, None) is not None
    with changed_settings(**changes):
        assert SCHEMA.compiled_mutation(text, None, None) is None


@pytest.mark.parametrize("scope", ["notifications:read", "notifications:send"])
def test_without_the_scope_graphql_core_reports_it(alice: User, ids: list[int], scope: str) -> None:
    asked = Asked("mutation { markAllRead { count } }", None, {}, Counter())
    caller = Caller(alice, frozenset({scope}))
    assert compiled(caller, asked) is None
    assert b"FORBIDDEN" in executed(caller, asked)


def test_after_an_error_nothing_more_is_done(alice: User, ids: list[int]) -> None:
    text = 'mutation { a: markAllRead { count } b: delete(id: "0") { position } c: delete(id: "%s") { position } }'
    asked = Asked(text % ids[0], None, {}, Counter())
    answer = compiled(Caller(alice), asked)
    assert answer is not None
    assert b'"path":["b"]' in answer
    assert Notification.objects.filter(pk=ids[0]).exists()
    assert InboxEvent.objects.filter(inbox=alice.pk, kind="all_read").count() == 1


def test_threads_may_share_selections(alice: User) -> None:
    text = "mutation { markAllRead { count } }"
    first, second = (SCHEMA.compiled_mutation(text, None, None) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.selection is second.selection
