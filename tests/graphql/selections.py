"""Random subscriptions over the types of events, valid by the way they are made, and random events.

A document is drawn from its root to its leaves: fields, inline and named fragments, conditions on all of them. When
a field is first selected, it gets the names that it may have in responses, such that no two fields which may meet
have the same one for different things. Names of fields that are not selected would cost most of the time.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_composite_type,
    parse,
)
from hypothesis import assume
from hypothesis import strategies as st

from live_inbox.content import PRIORITIES
from live_inbox.content_parts import FORMATS
from live_inbox.delivery.log import ResetReason
from live_inbox.delivery.position import Position
from live_inbox.events import Event, Folder, Kind, PayloadType, Person, Reset, Snapshot
from live_inbox_graphql.document_limits import excesses
from live_inbox_graphql.repeated_fields import repeated_fields

Parent = GraphQLObjectType | GraphQLInterfaceType
Names = dict[tuple[str, str], list[str]]
"""For each type and field, what it may be called in a response."""
Taken = dict[str, list[tuple[str, str, str]]]
"""For each name in a response, the fields that may have it: their types, names, and the types of their values."""

ALIASES = ["a", "b", "__c", "title", "message", "position", "notification", "id", "count", "type"]
WANTED = st.lists(st.sampled_from(ALIASES), max_size=2, unique=True)
OBJECTS = (
    "Notification",
    "InboxUser",
    "NotificationActor",
    "NotificationTarget",
    "NotificationAction",
)
NOT_COMPILED = ("NotificationTarget", "link")
CONDITIONS = ["b0", "b1", "b2"]
ARGUMENTS = {"after": "String", "types": "[String!]"}


@dataclass(frozen=True)
class Question:
    """A document with what a client sends along."""

    text: str
    operation_name: str | None
    variables: dict[str, Any]
    constructs: Counter[str]
    """What is used in it, how often."""


@st.composite
def questions(draw: st.DrawFn, schema: GraphQLSchema) -> Question:
    """Draw a valid subscription, within the limits of documents."""
    question = _Writer(draw, schema).question()
    document = parse(question.text)
    assume(not excesses(document))
    assume(not repeated_fields(schema, document))
    return question


@dataclass
class _Fragment:
    name: str
    condition: str
    body: str
    uses: set[str]
    """The variables and, with dots, the other fragments that it uses."""


@dataclass
class _Writer:
    """Draws one document. `uses` collects what the text that is being written refers to."""

    draw: st.DrawFn
    schema: GraphQLSchema
    fragments: list[_Fragment] = field(default_factory=list)
    uses: set[str] = field(default_factory=set)
    constructs: Counter[str] = field(default_factory=Counter)
    names: Names = field(default_factory=dict)
    taken: dict[str, Taken] = field(default_factory=lambda: defaultdict(_nothing_taken))
    """What the names of all events are taken for, under an empty key, and those of each other type."""

    def question(self) -> Question:
        """Write the document."""
        assert self.schema.subscription_type is not None
        events = self.schema.type_map["NotificationEvent"]
        assert isinstance(events, GraphQLInterfaceType)
        self.events = events
        self.kinds = list(self.schema.get_possible_types(events))
        for number in range(self.draw(st.integers(0, 3))):
            self._fragment(number)
        self.root_alias = self.draw(st.sampled_from(["", "", "a: ", "notification: "]))
        self.root_arguments = self._root_arguments()
        root = " ".join(self._root() for _ in range(self.draw(st.integers(1, 2))))
        return self._document(root)

    # -- names --------------------------------------------------------------------------------------------

    def _names(self, parent: str, name: str) -> list[str]:
        """Return what a field may be called in a response. Drawn when the field is first selected.

        Fields of different events may share a name if what they give looks the same.
        """
        is_of_event = parent not in OBJECTS
        if is_of_event and (name in self.events.fields or name == "__typename"):
            parent = self.events.name
        if (parent, name) not in self.names:
            shape = "String!" if name == "__typename" else str(self._kind(parent).fields[name].type)
            wish = (parent, name, shape)
            taken = self.taken["" if is_of_event else parent]
            free = [
                alias
                for alias in self._wishes(name)
                if all(_agree(wish, other) for other in taken[alias])
            ][:3]
            for alias in free:
                taken[alias].append(wish)
            self.names[parent, name] = free
        return self.names[parent, name]

    def _wishes(self, name: str) -> Iterable[str]:
        """What a field would like to be called; the last cannot be taken, so there is always one."""
        wanted = self.draw(WANTED)
        if name != "__typename":
            wanted.insert(self.draw(st.integers(0, len(wanted))), name)
        return dict.fromkeys([*wanted, f"own_{name}"])

    # -- selections ---------------------------------------------------------------------------------------

    def _fragment(self, number: int) -> None:
        """Write a named fragment, which may spread those that were written before it."""
        parents = [
            self.events.name,
            *(kind.name for kind in self.kinds),
            *OBJECTS,
        ]
        condition = self.draw(st.sampled_from(parents))
        outer, self.uses = self.uses, set()
        body = self._selections(condition, 3)
        self.fragments.append(_Fragment(f"F{number}", condition, body, self.uses))
        self.uses = outer

    def _root(self) -> str:
        selection = self._selections(self.events.name, 5)
        if self.draw(st.booleans()):
            # By chance alone, few documents would show a notification, and next to none its sender.
            kind = self.draw(st.sampled_from(["NotificationAdded", "NotificationUpdated"]))
            selection = (
                f"{{ ... on {kind} {{ {self._named(kind, 'notification', 4)} }} {selection[1:]}"
            )
        text = f"{self.root_alias}notificationEvents{self.root_arguments} {selection}"
        return self.draw(
            st.sampled_from([text, text, f"... {{ {text} }}", f"... on Subscription {{ {text} }}"])
        )

    def _root_arguments(self) -> str:
        arguments = self.draw(
            st.sampled_from(
                [
                    "",
                    "(after: $after)",
                    "(after: $after, types: $types)",
                    '(types: ["a", "b"])',
                    '(after: null, types: "a")',
                ]
            )
        )
        self.uses.update(name for name in ARGUMENTS if f"${name}" in arguments)
        return arguments

    def _selections(self, parent: str, depth: int) -> str:
        count = self.draw(st.integers(1, 3))
        return "{ " + " ".join(self._selection(parent, depth) for _ in range(count)) + " }"

    def _selection(self, parent: str, depth: int) -> str:
        ways = [self._field, self._field, self._field]
        if depth > 1:
            ways += [self._inline, self._spread]
        return self.draw(st.sampled_from(ways))(parent, depth)

    def _field(self, parent: str, depth: int) -> str:
        kind = self._kind(parent)
        # What has fields itself leads to the depths, so it comes more often.
        objects = [n for n, f in kind.fields.items() if is_composite_type(get_named_type(f.type))]
        names = [name for name in kind.fields if (parent, name) != NOT_COMPILED]
        name = self.draw(st.sampled_from([*names, "__typename", *objects * 4]))
        return self._named(parent, name, depth)

    def _named(self, parent: str, name: str, depth: int) -> str:
        kind = self._kind(parent)
        inner = None if name == "__typename" else get_named_type(kind.fields[name].type)
        if inner is not None and not is_composite_type(inner):
            inner = None
        elif inner is not None and depth <= 1:
            name, inner = "__typename", None
        names = self._names(parent, name)
        alias = self.draw(st.sampled_from([*names, "__typename"]))
        if alias == "__typename" and name != "__typename":
            alias = names[0]
        self.constructs["alias"] += alias != name
        self.constructs["swapped alias"] += alias != name and alias in ALIASES[3:]
        self.constructs[name] += 1
        text = (name if alias == name else f"{alias}: {name}") + self._conditions()
        return text if inner is None else f"{text} {self._selections(inner.name, depth - 1)}"

    def _inline(self, parent: str, depth: int) -> str:
        related = self._related(parent)
        favoured = [
            name for name in related if name in ("NotificationAdded", "NotificationUpdated")
        ]
        condition = self.draw(st.sampled_from(["", *related, *favoured]))
        on = f" on {condition}" if condition else ""
        self.constructs[f"...{on}" if condition == self.events.name else "inline fragment"] += 1
        return f"...{on}{self._conditions()} " + self._selections(condition or parent, depth - 1)

    def _spread(self, parent: str, depth: int) -> str:
        related = self._related(parent)
        fitting = [fragment for fragment in self.fragments if fragment.condition in related]
        if not fitting:
            return self._field(parent, depth)
        fragment = self.draw(st.sampled_from(fitting))
        self.uses.add("..." + fragment.name)
        self.constructs["named fragment"] += 1
        return f"...{fragment.name}{self._conditions()}"

    def _related(self, parent: str) -> list[str]:
        """The types that something of that type may be."""
        if parent == self.events.name:
            return [parent, *(kind.name for kind in self.kinds)]
        is_kind = any(kind.name == parent for kind in self.kinds)
        return [parent, self.events.name] if is_kind else [parent]

    def _conditions(self) -> str:
        text = ""
        for directive in self.draw(
            st.sampled_from(
                [
                    [],
                    [],
                    [],
                    [],
                    [],
                    [],
                    [],
                    [],
                    ["skip"],
                    ["include"],
                    ["skip", "include"],
                    ["include", "skip"],
                ]
            )
        ):
            value = self.draw(st.sampled_from(["true", "false", *(f"${c}" for c in CONDITIONS)]))
            self.uses.update({value[1:]} if value[0] == "$" else ())
            self.constructs[f"@{directive}"] += 1
            self.constructs["condition with variable"] += value[0] == "$"
            text += f" @{directive}(if: {value})"
        return text

    def _kind(self, name: str) -> Parent:
        kind = self.schema.type_map[name]
        assert isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
        return kind

    # -- the document -------------------------------------------------------------------------------------

    def _document(self, root: str) -> Question:
        fragments = [f"fragment {f.name} on {f.condition} {f.body}" for f in self._used_fragments()]
        variables: dict[str, Any] = {}
        names = sorted(use for use in self.uses if not use.startswith("..."))
        declared = ", ".join(self._variable(name, variables) for name in names)
        operations = [f"subscription S{declared and f'({declared})'} {{ {root} }}"]
        operation_name = self.draw(st.sampled_from([None, "S"]))
        if self.draw(st.integers(0, 5)) == 0:
            operations.insert(self.draw(st.integers(0, 1)), "query Other { viewer { id } }")
            operation_name = "S"
        text = " ".join([*operations, *fragments])
        return Question(text, operation_name, variables, self.constructs)

    def _used_fragments(self) -> list[_Fragment]:
        """The fragments that the operation spreads, directly or not; what they use, it uses."""
        used = []
        for fragment in reversed(self.fragments):
            if "..." + fragment.name in self.uses:
                self.uses |= fragment.uses
                used.append(fragment)
        return used

    def _variable(self, name: str, variables: dict[str, Any]) -> str:
        """Declare a variable; a value for it, or none, goes to the variables."""
        if name in ARGUMENTS:
            value = self.draw(st.sampled_from([None, "e.1" if name == "after" else ["a"]]))
            if self.draw(st.booleans()):
                variables[name] = value
            return f"${name}: {ARGUMENTS[name]}"
        default = self.draw(st.sampled_from(["", " = true", " = false"]))
        if not default or self.draw(st.booleans()):
            variables[name] = self.draw(st.booleans())
        return f"${name}: Boolean{'' if default else '!'}{default}"


def _nothing_taken() -> Taken:
    return defaultdict(list)


def _agree(one: tuple[str, str, str], other: tuple[str, str, str]) -> bool:
    """Whether two fields, each with its type and the shape of its value, may have one name in a response."""
    may_be_one_object = one[0] == other[0] or "NotificationEvent" in (one[0], other[0])
    return one[1] == other[1] if may_be_one_object else one[2] == other[2]


# -- events -----------------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
COUNTS = st.integers(0, 2**31 - 1)
NUMBERS = st.integers(1, 2**63 - 1)
ZONES = st.sampled_from([UTC, timezone(timedelta()), timezone(timedelta(hours=-9, minutes=-30))])
MOMENTS = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=ZONES)  # noqa: DTZ001
# What orjson cannot write, it leaves to the standard library: halves of surrogate pairs, large numbers.
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | TEXTS
    | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
SNAPSHOTS = st.builds(
    Snapshot,
    id=NUMBERS,
    type=TEXTS,
    title=TEXTS,
    message=TEXTS,
    link=TEXTS,
    data=st.dictionaries(TEXTS, VALUES, max_size=2),
    created_at=MOMENTS,
    read_at=st.none() | MOMENTS,
    sender=st.none() | st.builds(Person, id=TEXTS, username=TEXTS, name=TEXTS),
    expires_at=st.none() | MOMENTS,
    folder=st.sampled_from(Folder),
    snoozed_until=st.none() | MOMENTS,
    pinned=st.booleans(),
    returned_rank=st.none() | NUMBERS,
    priority=st.sampled_from(PRIORITIES),
    icon=TEXTS,
    actor=st.none()
    | st.fixed_dictionaries({"name": TEXTS}, optional={"user": TEXTS, "picture": TEXTS}),
    target=st.none() | st.fixed_dictionaries({"type": TEXTS, "id": TEXTS}),
    actions=st.none()
    | st.lists(
        st.fixed_dictionaries({"label": TEXTS}, optional={"id": TEXTS, "link": TEXTS}), max_size=2
    ),
    format=st.sampled_from(FORMATS),
    performed_action=st.none() | TEXTS,
    performed_at=st.none() | MOMENTS,
    edited_at=st.none() | MOMENTS,
)


def _event(kind: Kind, **details: Any) -> st.SearchStrategy[Event]:
    given = {name: value for name, value in details.items() if value is not None}
    return st.builds(
        Event,
        inbox=TEXTS,
        epoch=st.sampled_from(["", "e1"]),
        sequence=NUMBERS,
        kind=st.just(kind),
        occurred_at=MOMENTS,
        unread_count=COUNTS,
        total_count=COUNTS,
        unseen_count=COUNTS,
        **given,
    )


def events_of(kind: Kind) -> st.SearchStrategy[Event]:
    """Draw events of a kind that have what it promises."""
    match kind.payload:
        case PayloadType.UP_TO_RANK:
            return _event(kind, count=COUNTS, through_rank=NUMBERS)
        case PayloadType.REMOVAL:
            return _event(kind, notification_id=NUMBERS, type=TEXTS)
        case PayloadType.SEVERAL:
            return _event(kind, count=COUNTS, notification_ids=st.lists(NUMBERS, max_size=3))
        case PayloadType.NOTIFICATION:
            return _event(kind, notification=SNAPSHOTS)
        case PayloadType.UNKNOWN:
            return _event(kind)


RESETS = st.builds(
    Reset,
    position=st.builds(Position, st.sampled_from(["", "e1"]), COUNTS),
    reason=st.sampled_from(ResetReason),
    unread_count=COUNTS,
    unseen_count=COUNTS,
    occurred_at=MOMENTS,
)
ITEMS: st.SearchStrategy[Event | Reset] = st.one_of(RESETS, *(events_of(kind) for kind in Kind))
