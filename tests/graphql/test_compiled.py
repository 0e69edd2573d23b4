"""Compiled selections: byte for byte what graphql-core gives, or left to graphql-core."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, cast

import pytest
from django.contrib.auth.models import User
from graphql import (
    GraphQLObjectType,
    build_schema,
    get_named_type,
    is_composite_type,
    parse,
    specified_rules,
    validate,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from live_inbox.delivery.log import ResetReason
from live_inbox.delivery.position import Position
from live_inbox.events import (
    Event,
    Kind,
    Person,
    Reset,
    Snapshot,
    decode,
    encode,
)
from live_inbox.feed import Feed
from live_inbox.identity.callers import Caller
from live_inbox_graphql import json_text
from live_inbox_graphql.advances import Advance
from live_inbox_graphql.compiled import compilation
from live_inbox_graphql.compiled.field_expressions import SOURCES
from live_inbox_graphql.compiled.rendering import CompiledSubscription
from live_inbox_graphql.compiled.subscriptions import CompiledSubscriptions
from live_inbox_graphql.context import Context
from live_inbox_graphql.events import Item, to_graphql
from live_inbox_graphql.schema import build
from tests.graphql.selections import ITEMS, NOT_COMPILED, TEXTS, Question, questions

pytestmark = pytest.mark.stack("embedded")

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
SNAPSHOT = Snapshot(
    id=42,
    type="approval",
    title="Leave approved",
    message="Enjoy ☀",
    link="",
    data={"item_id": 7, "days": [1, 2.5], "by": None},
    created_at=NOON,
    read_at=None,
    sender=Person(id="3", username="bob", name="Bob Roberts"),
)
ADDED = Event(
    inbox="7",
    epoch="e1",
    sequence=5,
    kind=Kind.ADDED,
    occurred_at=NOON,
    unread_count=3,
    total_count=4,
    notification=SNAPSHOT,
    notification_id=42,
)
READ = replace(ADDED, sequence=6, kind=Kind.READ, notification=replace(SNAPSHOT, read_at=NOON))
UNREAD = replace(ADDED, sequence=7, kind=Kind.UNREAD)
DELETED = replace(ADDED, sequence=8, kind=Kind.DELETED, notification=None, type="approval")
EXPIRED = replace(DELETED, sequence=9, kind=Kind.EXPIRED)
ALL_READ = Event(
    inbox="7",
    epoch="e1",
    sequence=10,
    kind=Kind.ALL_READ,
    occurred_at=NOON,
    unread_count=0,
    total_count=3,
    count=2,
    through_rank=41,
)
RESET = Reset(
    position=Position("", 0),
    reason=ResetReason.AHEAD,
    unread_count=1,
    unseen_count=1,
    occurred_at=NOON,
)
ADVANCE = Advance(position=Position("e1", 11, 7), unread_count=2, unseen_count=1, occurred_at=NOON)
EVERY_KIND: list[Item] = [ADDED, READ, UNREAD, DELETED, EXPIRED, ALL_READ, RESET, ADVANCE]

SCHEMA = build()
CORE = SCHEMA.schema._schema


class GivenFeed:
    """A feed of these items, which then ends."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = items

    @asynccontextmanager
    async def open(
        self, inbox: str, after: Position | None = None
    ) -> AsyncIterator[AsyncIterator[Item]]:
        yield self._stream()

    async def _stream(self) -> AsyncIterator[Item]:
        for item in self._items:
            yield item


def core_results(
    text: str,
    items: Sequence[Item],
    variables: dict[str, Any] | None = None,
    operation_name: str | None = None,
) -> list[tuple[bytes, bool]]:
    """Return the results of the schema for these items, and whether there were errors."""

    async def run() -> list[tuple[bytes, bool]]:
        feed = cast("Feed", GivenFeed(items))
        results = await SCHEMA.stream(
            text,
            variable_values=variables,
            context_value=Context(Caller(User(pk=7)), feed),
            operation_name=operation_name,
        )
        return [
            (json_text.dumps({"data": result.data}), bool(result.errors))
            async for result in results
        ]

    return asyncio.run(run())


def compiled(
    text: str, variables: dict[str, Any] | None = None, operation_name: str | None = None
) -> CompiledSubscription | None:
    """Compile a document that must be valid."""
    document = parse(text)
    assert validate(CORE, document, specified_rules) == []
    return CompiledSubscriptions(CORE).compile(document, operation_name, variables)


def rendered(text: str, item: Item, variables: dict[str, Any] | None = None) -> Any:
    """Return the value of the root field, after comparing all of it with graphql-core's."""
    subscription = compiled(text, variables)
    assert subscription is not None
    answer = subscription.selection.render(item)
    assert core_results(text, [item], variables) == [(answer, False)]
    (value,) = json.loads(answer)["data"].values()
    return value


def selected(selection: str, item: Item) -> Any:
    return rendered(f"subscription {{ notificationEvents {{ {selection} }} }}", item)


# -- whatever is asked, of whatever happens -----------------------------------------------------------------


@settings(max_examples=200)
@given(question=questions(CORE), items=st.lists(ITEMS, min_size=1, max_size=4))
def test_a_compiled_selection_gives_what_graphql_core_gives(
    question: Question, items: list[Event | Reset]
) -> None:
    subscription = compiled(question.text, question.variables, question.operation_name)
    assert subscription is not None, "every construct that is drawn is covered"
    mine = [subscription.selection.render(item) for item in items]
    # What is limited to types delivers fewer events. The socket filters them by the arguments.
    delivered = [item for item in items if _is_delivered(item, subscription.types)]
    expected = core_results(question.text, delivered, question.variables, question.operation_name)
    assert [
        (answer, False) for answer, item in zip(mine, items, strict=True) if item in delivered
    ] == (expected)


def _is_delivered(item: Item, types: list[str] | None) -> bool:
    kind = getattr(item, "notification_type", None)
    return types is None or kind is None or kind in types


CONSTRUCTS = {
    "alias",
    "swapped alias",
    "@skip",
    "@include",
    "condition with variable",
    "inline fragment",
    "... on NotificationEvent",
    "named fragment",
    "__typename",
    "notification",
    "sender",
    "data",
}


def test_the_documents_that_are_drawn_have_every_construct_and_select_something() -> None:
    seen: Counter[str] = Counter()
    # Without an object that nobody has to select anything of.
    event = replace(ADDED, notification=replace(SNAPSHOT, data={}))

    @settings(max_examples=300, derandomize=True, database=None)
    @given(questions(CORE))
    def draw(question: Question) -> None:
        seen.update((+question.constructs).keys())
        subscription = compiled(question.text, question.variables, question.operation_name)
        assert subscription is not None
        (shown,) = json.loads(subscription.selection.render(event))["data"].values()
        notifications = [value for value in shown.values() if isinstance(value, dict)]
        people = [v for n in notifications for v in n.values() if isinstance(v, dict) and v]
        seen.update(
            {"shown": bool(shown), "with notification": bool(notifications), "deep": bool(people)}
        )

    draw()
    assert {name for name in CONSTRUCTS if seen[name] < 10} == set()
    assert seen["shown"] > 100
    assert seen["with notification"] > 20
    assert seen["deep"] > 1


# Of the right types, as whatever has been read is; but an old log may lack what is promised today.
ANY_ZONE = st.timezones() | st.none().map(lambda _: UTC)
MOMENTS = st.datetimes(datetime(1000, 1, 1), datetime(3000, 1, 1), timezones=ANY_ZONE)  # noqa: DTZ001
ODD_SNAPSHOTS = st.builds(
    Snapshot,
    id=st.integers(),
    type=TEXTS,
    title=TEXTS,
    message=TEXTS,
    link=TEXTS,
    data=st.just({}),
    created_at=MOMENTS,
    read_at=st.none() | MOMENTS,
    sender=st.none() | st.builds(Person, id=TEXTS, username=TEXTS, name=TEXTS),
    expires_at=st.none() | MOMENTS,
)
COUNTS = st.integers(2**31 - 1, 2**31) | st.integers(-(2**31) - 1, -(2**31)) | st.integers()
ODD_EVENTS = st.builds(
    Event,
    inbox=st.just("7"),
    epoch=TEXTS,
    sequence=st.integers(),
    kind=st.sampled_from(Kind),
    occurred_at=MOMENTS,
    unread_count=COUNTS,
    total_count=st.just(0),
    notification=st.none() | ODD_SNAPSHOTS,
    notification_id=st.none() | st.integers(),
    count=COUNTS,
    through_rank=st.none() | st.integers(),
)


@settings(max_examples=200)
@given(question=questions(CORE), event=ODD_EVENTS)
def test_an_invalid_event_gives_what_graphql_core_gives_or_nothing(
    question: Question, event: Event
) -> None:
    check(question, event)


ODD_JSON: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.floats(-9, 9) | st.integers(-9, 9) | TEXTS | st.just([])
)
FRAMES = [encode(event) for event in EVERY_KIND if isinstance(event, Event)]


@settings(max_examples=200)
@given(question=questions(CORE), data=st.data())
def test_any_doorbell_gives_what_graphql_core_gives_or_nothing(
    question: Question, data: st.DataObject
) -> None:
    fields = json.loads(data.draw(st.sampled_from(FRAMES)))
    target = data.draw(st.sampled_from([fields, fields.get("notification") or fields]))
    target[data.draw(st.sampled_from(sorted(target)))] = data.draw(ODD_JSON)
    try:
        event = decode(json.dumps(fields).encode())
    except ValueError:
        return
    check(question, event)


def check(question: Question, event: Event) -> None:
    """Compare with graphql-core what a question is answered of an event."""
    subscription = compiled(question.text, question.variables, question.operation_name)
    assert subscription is not None
    expected = core_results(question.text, [event], question.variables, question.operation_name)
    if not _is_delivered(event, subscription.types):
        # The socket filters by types, not the selection.
        assert expected == []
        return
    try:
        answer = subscription.selection.render(event)
    except ValueError:
        assert [has_errors for _, has_errors in expected] == [True]
    else:
        assert expected == [(answer, False)]


# -- each construct -----------------------------------------------------------------------------------------


def test_the_whole_result_with_the_name_that_the_client_gave_to_the_field() -> None:
    subscription = compiled("subscription { inbox: notificationEvents { unreadCount position } }")
    assert subscription is not None
    assert subscription.selection.render(ADDED) == (
        b'{"data":{"inbox":{"unreadCount":3,"position":"e1.5"}}}'
    )


@pytest.mark.parametrize(
    "name", ["it", "value", "_9", "UTC", "None", "lambda", "__import__", "__builtins__", "str"]
)
def test_a_name_that_means_something_in_python_is_a_name(name: str) -> None:
    inner = f"... on NotificationAdded {{ notification {{ {name}: id type }} }}"
    notification = {name: "42", "type": "approval"}
    assert selected(f"{name}: position unreadCount {inner}", ADDED) == {
        name: "e1.5",
        "unreadCount": 3,
        "notification": notification,
    }


ALL = """
__typename position unreadCount occurredAt
... on NotificationAdded { notification { ...All } }
... on NotificationUpdated { notification { ...All } }
... on NotificationDeleted { notificationId }
... on AllNotificationsRead { count throughRank }
... on InboxReset { reason }
"""
ALL_FIELDS = """
fragment All on Notification {
  id type title message link data read readAt createdAt sender { id username name } expiresAt
}
"""
SHOWN = {
    "id": "42",
    "type": "approval",
    "title": "Leave approved",
    "message": "Enjoy ☀",
    "link": None,
    "data": {"item_id": 7, "days": [1, 2.5], "by": None},
    "read": False,
    "readAt": None,
    "createdAt": "2026-03-01T12:00:00.123456Z",
    "sender": {"id": "user:3", "username": "bob", "name": "Bob Roberts"},
    "expiresAt": None,
}


@pytest.mark.parametrize(
    ("item", "kind", "position", "unread", "rest"),
    [
        (ADDED, "NotificationAdded", "e1.5", 3, {"notification": SHOWN}),
        (
            READ,
            "NotificationUpdated",
            "e1.6",
            3,
            {"notification": SHOWN | {"read": True, "readAt": "2026-03-01T12:00:00.123456Z"}},
        ),
        (UNREAD, "NotificationUpdated", "e1.7", 3, {"notification": SHOWN}),
        (DELETED, "NotificationDeleted", "e1.8", 3, {"notificationId": "42"}),
        (EXPIRED, "NotificationDeleted", "e1.9", 3, {"notificationId": "42"}),
        (ALL_READ, "AllNotificationsRead", "e1.10", 0, {"count": 2, "throughRank": "41"}),
        (RESET, "InboxReset", "0", 1, {"reason": "AHEAD"}),
        (ADVANCE, "PositionAdvanced", "e1.11.7", 2, {}),
    ],
)
def test_each_kind_of_event(
    item: Item, kind: str, position: str, unread: int, rest: dict[str, Any]
) -> None:
    text = f"subscription {{ notificationEvents {{ {ALL} }} }} {ALL_FIELDS}"
    assert rendered(text, item) == {
        "__typename": kind,
        "position": position,
        "unreadCount": unread,
        "occurredAt": "2026-03-01T12:00:00.123456Z",
        **rest,
    }


def test_fields_selected_twice_are_merged_where_the_first_stands() -> None:
    selection = """
    ... on NotificationAdded { notification { title sender { name } } }
    unreadCount
    ... on NotificationAdded { notification { title id sender { id name } } }
    """
    value = selected(selection, ADDED)
    assert value == {
        "notification": {
            "title": "Leave approved",
            "sender": {"name": "Bob Roberts", "id": "user:3"},
            "id": "42",
        },
        "unreadCount": 3,
    }
    assert (list(value), list(value["notification"])) == (
        ["notification", "unreadCount"],
        ["title", "sender", "id"],
    )


def test_the_root_field_selected_twice_is_one() -> None:
    text = """
    subscription { notificationEvents { position } ...Root }
    fragment Root on Subscription { notificationEvents { unreadCount position } }
    """
    assert rendered(text, ADDED) == {"position": "e1.5", "unreadCount": 3}


def test_names_may_be_those_of_other_fields() -> None:
    selection = "... on NotificationAdded { notification { title: message message: title } }"
    assert selected(selection, ADDED) == {
        "notification": {"title": "Enjoy ☀", "message": "Leave approved"}
    }


def test_conditions_on_types_that_do_not_match_select_nothing() -> None:
    selection = (
        "... on NotificationAdded { ... on NotificationEvent { ... on InboxReset { reason } } }"
    )
    assert selected(selection, ADDED) == {}
    assert selected(selection, RESET) == {}
    selection = "... on NotificationEvent { ... on InboxReset { reason } ... { unreadCount } }"
    assert selected(selection, RESET) == {"reason": "AHEAD", "unreadCount": 1}
    assert selected(selection, ADDED) == {"unreadCount": 3}


def test_one_name_for_different_fields_of_different_types() -> None:
    selection = """
    ... on NotificationDeleted { gone: notificationId }
    ... on AllNotificationsRead { gone: throughRank }
    """
    assert selected(selection, DELETED) == {"gone": "42"}
    assert selected(selection, ALL_READ) == {"gone": "41"}


CONDITIONS = """
subscription ($yes: Boolean!, $no: Boolean = false) {
  notificationEvents {
    a: position @include(if: $yes) b: position @include(if: $no)
    c: unreadCount @skip(if: $yes) d: unreadCount @skip(if: $no)
    e: occurredAt @skip(if: $yes) @include(if: $yes) f: occurredAt @include(if: true) @skip(if: false)
    ... @include(if: $no) { g: unreadCount } ... on NotificationAdded @skip(if: $no) { h: position }
    ...Named @include(if: $yes)
  }
}
fragment Named on NotificationEvent { i: position }
"""


@pytest.mark.parametrize(
    ("variables", "names"),
    [
        ({"yes": True}, "adfhi"),
        ({"yes": True, "no": True}, "abfgi"),
        ({"yes": False}, "cdfh"),
    ],
)
def test_conditions(variables: dict[str, Any], names: str) -> None:
    assert "".join(rendered(CONDITIONS, ADDED, variables)) == names


def test_a_null_object_is_null_whatever_is_selected_of_it() -> None:
    event = replace(ADDED, notification=replace(SNAPSHOT, sender=None))
    selection = "... on NotificationAdded { notification { sender { name } } }"
    assert selected(selection, event) == {"notification": {"sender": None}}


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 1, 31, 12, 0, tzinfo=UTC), "2026-01-31T12:00:00Z"),
        (datetime(2026, 1, 31, 12, 0, 0, 1, UTC), "2026-01-31T12:00:00.000001Z"),
        (datetime(33, 1, 31, 12, 0, tzinfo=UTC), "0033-01-31T12:00:00Z"),
        (
            datetime(2026, 1, 31, 12, 0, tzinfo=timezone(timedelta(hours=2))),
            "2026-01-31T10:00:00Z",
        ),
        (datetime.fromisoformat("2026-01-31T12:00:00+00:00"), "2026-01-31T12:00:00Z"),
    ],
)
def test_moments(moment: datetime, text: str) -> None:
    assert selected("occurredAt", replace(ADDED, occurred_at=moment)) == {"occurredAt": text}


@pytest.mark.parametrize("data", [{"n": 2**64}, {"s": "\ud800"}, {"f": 1e300}, {"é\x00": "\u2028"}])
def test_data_that_only_the_slow_way_can_write(data: dict[str, Any]) -> None:
    event = replace(ADDED, notification=replace(SNAPSHOT, data=data))
    selection = "occurredAt ... on NotificationAdded { notification { data } }"
    assert selected(selection, event) == {
        "occurredAt": "2026-03-01T12:00:00.123456Z",
        "notification": {"data": data},
    }


def test_every_field_that_the_events_have_is_covered() -> None:
    """A new field needs its line in `sources`; this says so."""

    def everything(kind: GraphQLObjectType) -> str:
        names = []
        for name, field in kind.fields.items():
            if (kind.name, name) == NOT_COMPILED:
                continue
            inner = get_named_type(field.type)
            names.append(name)
            if is_composite_type(inner):
                names.append(f"{{ {everything(cast('GraphQLObjectType', inner))} }}")
        return " ".join(names)

    kinds = CORE.get_possible_types(cast("Any", CORE.type_map["NotificationEvent"]))
    parts = [f"... on {kind.name} {{ {everything(kind)} }}" for kind in kinds]
    for item in EVERY_KIND:
        selected("__typename " + " ".join(parts), item)


# -- arguments ----------------------------------------------------------------------------------------------

ARGUED = """
subscription ($after: String = "e.9", $types: [String!]) {
  notificationEvents(after: $after, types: $types) { position }
}
"""


@pytest.mark.parametrize(
    ("text", "variables", "expected"),
    [
        ("subscription { notificationEvents { position } }", None, (None, None)),
        ('subscription { notificationEvents(after: "e.1") { position } }', {}, ("e.1", None)),
        ("subscription { notificationEvents(types: []) { position } }", {}, (None, [])),
        ('subscription { notificationEvents(types: "a") { position } }', {}, (None, ["a"])),
        ("subscription { notificationEvents(after: null) { position } }", {}, (None, None)),
        (ARGUED, {}, ("e.9", None)),
        (ARGUED, {"after": "e.1", "types": ["a", "b"]}, ("e.1", ["a", "b"])),
        (ARGUED, {"after": None, "types": "a"}, (None, ["a"])),
        # What is no position is for the door to refuse.
        (ARGUED, {"after": "nonsense", "other": 1}, ("nonsense", None)),
    ],
)
def test_the_arguments_are_those_that_graphql_core_makes(
    text: str, variables: dict[str, Any] | None, expected: tuple[str | None, list[str] | None]
) -> None:
    subscription = compiled(text, variables)
    assert subscription is not None
    assert (subscription.after, subscription.types) == expected


# -- what is not covered ------------------------------------------------------------------------------------

CONDITIONAL = "subscription ($b: Boolean!) { notificationEvents { position @skip(if: $b) } }"
OPTIONAL = "subscription ($b: Boolean = true) { notificationEvents { position @skip(if: $b) } }"
TWO = "subscription A { notificationEvents { position } } query B { viewer { id } }"


@pytest.mark.parametrize(
    ("text", "operation_name", "variables"),
    [
        ("{ viewer { id } }", None, None),
        ("mutation { markAllRead { position } }", None, None),
        (TWO, None, None),
        (TWO, "B", None),
        (TWO, "C", None),
        ("fragment F on InboxUser { id }", None, None),
        # What graphql-core has errors for.
        (CONDITIONAL, None, None),
        (CONDITIONAL, None, {"b": "yes"}),
        (OPTIONAL, None, {"b": None}),
        (ARGUED, None, {"after": 7}),
        (ARGUED, None, {"types": [None]}),
        # Documents that are not valid should not come here; nothing is delivered that graphql-core would not deliver.
        ("subscription { a: notificationEvents { position } b: notificationEvents { position } }", None, None),
        ("subscription { __typename }", None, None),
        ("subscription { __schema { types { name } } }", None, None),
        ("subscription { nothing }", None, None),
        ("subscription { notificationEvents @skip(if: true) { position } }", None, None),
        ("subscription { notificationEvents { nothing } }", None, None),
        ("subscription { notificationEvents { position @defer } }", None, None),
        ("subscription { notificationEvents { ... @defer { position } } }", None, None),
        ("subscription { notificationEvents @live { position } }", None, None),
    ],
)  # fmt: skip
def test_what_is_unusual_is_left_to_graphql_core(
    text: str, operation_name: str | None, variables: dict[str, Any] | None
) -> None:
    subscriptions = CompiledSubscriptions(CORE)
    document = parse(text)
    for _ in range(2):
        assert subscriptions.compile(document, operation_name, variables) is None


def test_a_field_that_is_not_known_is_left_to_graphql_core(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {name: read for name, read in SOURCES["Notification"].items() if name != "title"}
    monkeypatch.setattr(compilation, "SOURCES", {**SOURCES, "Notification": known})
    for name, is_covered in [("title", False), ("message", True)]:
        text = f"... on NotificationAdded {{ notification {{ {name} }} }}"
        subscription = compiled(f"subscription {{ notificationEvents {{ {text} }} }}")
        assert (subscription is not None) is is_covered


@pytest.mark.parametrize(
    ("arguments", "kind", "position"),
    [
        ("", "NotificationEvent!", "String!"),
        ("(after: String, types: [String!], limit: Int)", "NotificationEvent!", "String!"),
        ("(after: String, types: [String!])", "InboxReset!", "String!"),
        ("(after: String, types: [String!])", "[NotificationEvent!]!", "String!"),
        ("(after: String, types: [String!])", "NotificationEvent!", "[String!]!"),
    ],
)
def test_a_schema_that_has_become_another_is_left_to_graphql_core(
    arguments: str, kind: str, position: str
) -> None:
    schema = build_schema(f"""
    type Query {{ a: Int }}
    type Subscription {{ notificationEvents{arguments}: {kind} }}
    interface NotificationEvent {{ position: {position} }}
    type InboxReset implements NotificationEvent {{ position: {position} }}
    """)
    document = parse("subscription { notificationEvents { position } }")
    assert validate(schema, document) == []
    assert CompiledSubscriptions(schema).compile(document) is None


def test_a_selection_of_too_many_fields_is_left_to_graphql_core(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = "subscription { notificationEvents { position unreadCount } }"
    # Nine types of events.
    for limit, is_covered in [(18, True), (17, False)]:
        monkeypatch.setattr(compilation, "MAX_FIELDS", limit)
        assert (compiled(text) is not None) is is_covered


# -- what cannot be sent -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "item",
    [
        replace(ADDED, notification=None),
        replace(DELETED, notification_id=None),
        replace(EXPIRED, notification_id=None),
        replace(ALL_READ, through_rank=None),
    ],
)
def test_an_event_without_a_field_of_its_kind_is_not_sent(item: Event) -> None:
    subscription = compiled("subscription { notificationEvents { position } }")
    assert subscription is not None
    with pytest.raises(ValueError, match="lacks the payload of"):
        to_graphql(item)
    for _ in range(2):
        with pytest.raises(ValueError, match="lacks the payload of"):
            subscription.selection.render(item)


@pytest.mark.parametrize("count", [2**31, -(2**31) - 1])
def test_a_count_that_is_no_int_is_not_sent(count: int) -> None:
    subscription = compiled("subscription { notificationEvents { unreadCount } }")
    assert subscription is not None
    with pytest.raises(ValueError, match=r".+"):
        subscription.selection.render(replace(ADDED, unread_count=count))


# -- what is remembered -------------------------------------------------------------------------------------

POSITION = parse("subscription { notificationEvents { position } }")


def selection_of(subscription: CompiledSubscription | None) -> Any:
    assert subscription is not None
    return subscription.selection


class TestProjections:
    def test_the_same_document_and_conditions_have_one_projection(self) -> None:
        subscriptions = CompiledSubscriptions(CORE)
        document = parse(CONDITIONS)
        asked: list[dict[str, Any]] = [
            {"yes": True},
            {"yes": True, "no": False},
            {"yes": True, "no": False, "other": 5},
            {"yes": False},
            {"yes": True, "no": True},
        ]
        made = {
            selection_of(subscriptions.compile(document, None, variables)) for variables in asked
        }
        assert len(made) == 3
        assert len(subscriptions) == 3

    def test_the_operations_of_a_document_have_their_own(self) -> None:
        subscriptions = CompiledSubscriptions(CORE)
        document = parse(
            "subscription A { notificationEvents { position } }"
            "subscription B { notificationEvents { unreadCount } }"
        )
        assert selection_of(subscriptions.compile(document, "A")).render(ADDED) == (
            b'{"data":{"notificationEvents":{"position":"e1.5"}}}'
        )
        assert selection_of(subscriptions.compile(document, "B")).render(ADDED) == (
            b'{"data":{"notificationEvents":{"unreadCount":3}}}'
        )
        assert subscriptions.compile(document, "A") == subscriptions.compile(document, "A")

    def test_a_name_for_the_only_operation_makes_no_difference(self) -> None:
        subscriptions = CompiledSubscriptions(CORE)
        document = parse("subscription A { notificationEvents { position } }")
        first = selection_of(subscriptions.compile(document, "A"))
        assert selection_of(subscriptions.compile(document)) is first

    def test_it_forgets_the_documents_not_used_for_longest(self) -> None:
        subscriptions = CompiledSubscriptions(CORE, max_characters=1000)
        documents = [
            parse(f"subscription S{n} {{ notificationEvents {{ position }} }}") for n in range(9)
        ]
        # A document's characters, 8 for the entry and 4 for each of the nine types.
        assert 10 * (51 + 8 + 36) <= 1000 < 11 * (51 + 8 + 36)
        first = [selection_of(subscriptions.compile(document)) for document in documents]
        assert len(subscriptions) == 9
        again = selection_of(subscriptions.compile(documents[0]))
        assert again is first[0]
        more = [
            parse(f"subscription T{n} {{ notificationEvents {{ position }} }}") for n in range(9)
        ]
        for document in more:
            subscriptions.compile(document)
        assert len(subscriptions) == 10
        assert selection_of(subscriptions.compile(documents[0])) is first[0]
        assert selection_of(subscriptions.compile(documents[1])) is not first[1]

    def test_many_conditions_in_one_document_are_bounded_as_well(self) -> None:
        subscriptions = CompiledSubscriptions(CORE, max_characters=2000)
        names = [f"b{n}" for n in range(7)]
        declared = " ".join(f"${name}: Boolean!" for name in names)
        fields = " ".join(f"{name}: position @skip(if: ${name})" for name in names)
        document = parse(f"subscription ({declared}) {{ notificationEvents {{ {fields} }} }}")
        for number in range(128):
            values = {name: bool(number >> place & 1) for place, name in enumerate(names)}
            answer = selection_of(subscriptions.compile(document, None, values)).render(ADDED)
            shown = json.loads(answer)["data"]["notificationEvents"]
            assert list(shown) == [name for name in names if not values[name]]
            assert subscriptions._characters <= 2000
            assert len(subscriptions) <= 2000 // 8

    def test_documents_that_fail_for_what_was_sent_along_are_bounded_as_well(self) -> None:
        subscriptions = CompiledSubscriptions(CORE, max_characters=1000)
        for _ in range(100):
            assert subscriptions.compile(parse(OPTIONAL), None, {"b": None}) is None
            assert subscriptions._characters <= 1000
        assert len(subscriptions._known) == 1000 // len(OPTIONAL)

    def test_long_documents_are_compiled_but_not_remembered(self) -> None:
        subscriptions = CompiledSubscriptions(CORE)
        document = parse("subscription { notificationEvents { position } }" + " " * 8192)
        assert selection_of(subscriptions.compile(document)).render(ADDED) == (
            b'{"data":{"notificationEvents":{"position":"e1.5"}}}'
        )
        assert (len(subscriptions), subscriptions._characters) == (0, 0)

    def test_a_document_without_places_is_compiled_but_not_remembered(self) -> None:
        subscriptions = CompiledSubscriptions(CORE)
        document = parse("subscription { notificationEvents { position } }", no_location=True)
        assert subscriptions.compile(document) is not None
        assert len(subscriptions) == 0

    def test_that_a_document_is_not_covered_is_remembered(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        subscriptions = CompiledSubscriptions(CORE)
        document = parse("subscription { notificationEvents { nothing } }")
        assert subscriptions.compile(document) is None
        monkeypatch.setattr("live_inbox_graphql.compiled.subscriptions.compile_selection", None)
        assert subscriptions.compile(document) is None
        assert len(subscriptions) == 1
