"""Random mutations, valid by the way they are made, and their variables: of the inbox's changes, and some others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLSchema, get_named_type
from hypothesis import strategies as st

from tests.graphql.query_documents import Asked, EnumName, Writer, literal

CHANGES = ("markRead", "markUnread", "delete", "markAllRead", "send")
MOVES = ("archive", "unarchive", "unsnooze", "pin", "unpin", "markSeen")
OTHERS = ("setNotificationPreference", "performAction")


@dataclass(frozen=True)
class Values:
    """What arguments are drawn from."""

    ids: Sequence[str]
    positions: Sequence[str]
    recipients: Sequence[str]


@st.composite
def mutations(draw: st.DrawFn, schema: GraphQLSchema, values: Values, first: str) -> Asked:
    """Draw a valid mutation, which begins with the field `first`. Its values need not be acceptable."""
    return _MutationWriter(draw, schema, values, first).asked()


class _MutationWriter(Writer):
    """Draws one document."""

    def __init__(self, draw: st.DrawFn, schema: GraphQLSchema, values: Values, first: str) -> None:
        super().__init__(draw, schema)
        self._values = values
        self._first = first

    kind = "mutation"

    def root(self, number: int) -> str:
        """Write one field of the mutation type."""
        name = self.draw(st.sampled_from([*CHANGES * 6, *MOVES, *OTHERS, "__typename"]))
        name = name if number else self._first
        alias = f"root{number}: " if number or self.draw(st.booleans()) else ""
        self.constructs[name] += 1
        if name == "__typename":
            return f"{alias}{name}"
        assert self.schema.mutation_type is not None
        field = self.schema.mutation_type.fields[name]
        payload = get_named_type(field.type).name
        text = f"{alias}{name}{self._arguments_of(name)} {self.selections(payload, 4)}"
        if self.draw(st.integers(0, 8)) == 0:
            self.constructs["merged"] += 1
            arguments = text.partition("(")[2].partition(")")[0] if "(" in text else ""
            text += f" {alias}{name}{f'({arguments})' if arguments else ''} {{ __typename }}"
        return self.draw(st.sampled_from([text, text, f"... on Mutation {{ {text} }}"]))

    def _arguments_of(self, name: str) -> str:
        match name:
            case "markAllRead" | "markSeen":
                position = st.none() | st.sampled_from(self._values.positions)
                return self._written("upTo", "String", self.draw(position), may_omit=True)
            case "send":
                return self._written("input", "SendInput!", self._input())
            case "setNotificationPreference":
                value = {"type": "news", "enabled": self.draw(st.booleans())}
                return self._written("input", "NotificationPreferenceInput!", value)
        id = self.draw(st.sampled_from(self._values.ids))
        if name == "performAction":
            return f"(id: {literal(id)}, actionId: {literal(self.draw(st.sampled_from('ab')))})"
        return self._written("id", "ID!", id)

    def _input(self) -> dict[str, Any]:
        return self.draw(
            st.fixed_dictionaries(
                {
                    "recipientId": st.sampled_from(self._values.recipients),
                },
                optional={
                    "title": st.sampled_from(["x", "☀", "", "two\nlines", None]),
                    "message": st.sampled_from(["", "text", '"quoted"', None]),
                    "type": st.sampled_from(["general", "news", "report", "no slug"]),
                    "context": st.none() | st.just({"name": "Ana"}) | st.just({}) | st.just("Ana"),
                    "link": st.none() | st.sampled_from(["/a", "javascript:x"]),
                    "data": st.none() | st.just({"a": [1, None, {"b": 2.5}]}) | st.just([1]),
                    "expiresAt": st.none()
                    | st.sampled_from(["2100-01-01T00:00:00Z", "2001-01-01T00:00:00Z"]),
                    "deliverAt": st.none()
                    | st.sampled_from(["2001-01-01T00:00:00Z", "2999-01-01T00:00:00Z"]),
                    "expiresInSeconds": st.none() | st.sampled_from([0, 60]),
                    "idempotencyKey": st.none() | st.sampled_from(["k", "l", " "]),
                    "priority": st.sampled_from([EnumName("LOW"), EnumName("URGENT")]),
                    "icon": st.none() | st.sampled_from(["bell", "javascript:x"]),
                    "actor": st.none()
                    | st.sampled_from([{"name": "Ana"}, {"userId": "user:1"}, {"picture": "/x"}]),
                    "target": st.none() | st.just({"type": "shop.order", "objectId": "7"}),
                    "actions": st.none()
                    | st.just([])
                    | st.just([{"label": "Pay", "actionId": "pay"}, {"label": "x", "link": "/"}])
                    | st.just({"label": "alone", "link": "/"}),
                    "format": st.none()
                    | st.sampled_from([EnumName("PLAIN"), EnumName("MARKDOWN")]),
                },
            )
        )

    def _written(self, name: str, kind: str, value: Any, *, may_omit: bool = False) -> str:
        if may_omit and value is None and self.draw(st.booleans()):
            return ""
        if not self.draw(st.booleans()):
            return f"({name}: {literal(value)})"
        variable = f"v{len(self.declared)}"
        self.declared[variable] = kind
        self.variables[variable] = value
        self.constructs["variable"] += 1
        return f"({name}: ${variable})"
