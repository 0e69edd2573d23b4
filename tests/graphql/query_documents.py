"""Random queries for the list and for the caller, valid by the way they are made, and their variables.

Each field of a type has names of its own in responses, so that no two fields of a type want the same one.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, ClassVar

from graphql import GraphQLObjectType, GraphQLSchema, get_named_type, is_composite_type
from hypothesis import strategies as st

from live_inbox_graphql import cursors

ALIASES = ["a", "b", "__c", "title", "nodes", "position", "id", "cursor", "count"]
ARGUMENTS = {
    "first": "Int",
    "last": "Int",
    "after": "String",
    "before": "String",
    "filter": "NotificationFilter",
}

NOT_COMPILED = ("NotificationTarget", "link")


@dataclass(frozen=True)
class Asked:
    """A document with what a client sends along."""

    text: str
    operation_name: str | None
    variables: dict[str, Any]
    constructs: Counter[str]
    """What is used in it, how often."""


@st.composite
def queries(draw: st.DrawFn, schema: GraphQLSchema, ids: list[int]) -> Asked:
    """Draw a valid query; its cursors are those of notifications with these ids, or none."""
    return _QueryWriter(draw, schema, ids).asked()


@dataclass
class Writer:
    """Draws one document."""

    kind: ClassVar[str]
    draw: st.DrawFn
    schema: GraphQLSchema
    fragments: dict[str, str] = field(default_factory=dict)
    declared: dict[str, str] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    constructs: Counter[str] = field(default_factory=Counter)
    names: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def asked(self) -> Asked:
        """Write the document."""
        root = " ".join(self.root(number) for number in range(self.draw(st.integers(1, 3))))
        name = self.draw(st.sampled_from(["", "Page"]))
        declared = ", ".join(f"${each}: {kind}" for each, kind in self.declared.items())
        start = f"{self.kind} {name} ({declared})" if declared else f"{self.kind} {name}"
        others = ["query Other { __typename }"] if name and self.draw(st.booleans()) else []
        text = "\n".join([f"{start} {{ {root} }}", *self.fragments.values(), *others])
        self.constructs["several operations"] += bool(others)
        chosen = name if others or (name and self.draw(st.booleans())) else None
        return Asked(text, chosen, self.variables, self.constructs)

    def root(self, number: int) -> str:
        """Write one field of the root type."""
        raise NotImplementedError

    def selections(self, parent: str, depth: int) -> str:
        """Write what is selected of a type."""
        count = self.draw(st.integers(1, 4))
        return "{ " + " ".join(self._selection(parent, depth) for _ in range(count)) + " }"

    def _selection(self, parent: str, depth: int) -> str:
        ways = [self._field] * 4 + ([self._inline, self._spread] if depth > 1 else [])
        return self.draw(st.sampled_from(ways))(parent, depth)

    def _field(self, parent: str, depth: int) -> str:
        kind = self.schema.type_map[parent]
        assert isinstance(kind, GraphQLObjectType)
        objects = [n for n, f in kind.fields.items() if is_composite_type(get_named_type(f.type))]
        names = [name for name in kind.fields if (parent, name) != NOT_COMPILED]
        name = self.draw(st.sampled_from([*names, "__typename", *objects * 3]))
        if name in objects and depth <= 1:
            name = "__typename"
        alias = self.draw(st.sampled_from(self._names(parent, name)))
        text = name if alias == name else f"{alias}: {name}"
        self.constructs[name] += 1
        self.constructs["alias"] += alias != name
        if self.draw(st.integers(0, 60)) == 0:
            text += " @include(if: true)"
            self.constructs["directive"] += 1
        if name not in objects:
            return text
        return f"{text} {self.selections(get_named_type(kind.fields[name].type).name, depth - 1)}"

    def _names(self, parent: str, name: str) -> list[str]:
        """Return what a field may be called in responses: names that no other field of the type has."""
        if (parent, name) not in self.names:
            taken = {n for (kind, _), all_ in self.names.items() if kind == parent for n in all_}
            kind = self.schema.type_map[parent]
            assert isinstance(kind, GraphQLObjectType)
            free = [a for a in ALIASES if a not in taken and a not in kind.fields]
            self.names[parent, name] = [name, name, *free[:1], f"own_{name}"]
        return self.names[parent, name]

    def _inline(self, parent: str, depth: int) -> str:
        self.constructs["inline fragment"] += 1
        condition = self.draw(st.sampled_from(["", f" on {parent}"]))
        return f"...{condition} {self.selections(parent, depth - 1)}"

    def _spread(self, parent: str, depth: int) -> str:
        name = f"F{len(self.fragments)}"
        self.fragments[name] = ""
        body = self.selections(parent, depth - 1)
        self.fragments[name] = f"fragment {name} on {parent} {body}"
        self.constructs["named fragment"] += 1
        return f"...{name}"


class _QueryWriter(Writer):
    """Draws one query."""

    kind = "query"

    def __init__(self, draw: st.DrawFn, schema: GraphQLSchema, ids: list[int]) -> None:
        super().__init__(draw, schema)
        self.ids = ids

    def root(self, number: int) -> str:
        """Write one field of the query type."""
        name = self.draw(st.sampled_from(["notifications"] * 3 + ["viewer"] * 2 + ["__typename"]))
        # Two fields of one name would have to have equal arguments.
        alias = self.draw(st.sampled_from([f"root{number}: ", f"r_{number}: "]))
        if number == 0 and self.draw(st.booleans()):
            alias = ""
        self.constructs[name] += 1
        if name == "__typename":
            return f"{alias}{name}"
        kind = {"notifications": "NotificationConnection", "viewer": "InboxUser"}[name]
        arguments = self._arguments() if name == "notifications" else ""
        text = f"{alias}{name}{arguments} {self.selections(kind, 4)}"
        return self.draw(st.sampled_from([text, text, f"... on Query {{ {text} }}"]))

    def _arguments(self) -> str:
        values = {
            "first": st.integers(1, 5),
            "last": st.integers(1, 5),
            "after": st.sampled_from([cursors.encode(each) for each in self.ids]),
            "before": st.sampled_from([cursors.encode(each) for each in self.ids]),
            "filter": st.fixed_dictionaries(
                {},
                optional={
                    "types": st.none() | st.lists(st.sampled_from(["news", "a", "b"]), max_size=3),
                    "read": st.none() | st.booleans(),
                    "folder": st.sampled_from([EnumName(each) for each in FOLDERS]),
                    "pinnedOnly": st.booleans(),
                },
            ),
        }
        chosen = self.draw(st.lists(st.sampled_from(sorted(values)), max_size=3, unique=True))
        if "first" in chosen and "last" in chosen:
            chosen.remove("last")
        given = {}
        for name in chosen:
            value = self.draw(st.none() | values[name])
            if self.draw(st.booleans()):
                variable = f"v{len(self.declared)}"
                self.declared[variable] = ARGUMENTS[name]
                if value is not None or self.draw(st.booleans()):
                    self.variables[variable] = value
                given[name] = f"${variable}"
                self.constructs["variable"] += 1
            else:
                given[name] = literal(value)
            self.constructs[name] += 1
        written = ", ".join(f"{name}: {value}" for name, value in given.items())
        return f"({written})" if written else ""


class EnumName(str):
    """The name of a value of an enumeration: written without quotes in a document."""

    __slots__ = ()


FOLDERS = ("INBOX", "INBOX", "ARCHIVE", "SNOOZED")


def literal(value: Any) -> str:
    """Write a value as GraphQL does."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case EnumName():
            return str(value)
        case str():
            return json.dumps(value, ensure_ascii=False)
        case list():
            return f"[{', '.join(map(literal, value))}]"
        case dict():
            fields = ", ".join(f"{name}: {literal(each)}" for name, each in value.items())
            return f"{{{fields}}}"
        case _:
            return str(value)
