"""Documents and variables: drawn from the grammar and the schema, or mutated from real ones. The seed decides all."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    get_introspection_query,
    get_named_type,
)

CHECKOUT = Path(__file__).parents[2]

SCALARS: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 100, 101, 2**31, 2**63, 10**300, 1.5, 1e308, -0.0),
    *(
        "",
        "x",
        "1",
        "user:1",
        "e.1",
        "\x00",
        "\ud800",
        "é" * 200,
        "2026-01-31T12:00:00Z",
        "Z" * 5000,
    ),
)
TOKENS: tuple[str, ...] = (
    *"{}()[]:=!@|&$",
    *("...", '"', '"""', "#", "\n", "\\u", "\ufeff", "\x00", "\ud800", "0", "-1", "1e999"),
    *("query", "mutation", "subscription", "fragment F on Query", "...F", "on", "null", "true"),
    *("$after", "@include(if: true)", "@skip(if: $x)", "@defer", "@stream", "__schema", "__type"),
    *(
        "__typename",
        "first: 100",
        "after: $after",
        "a: id",
        "x" * 129,
        "nodes",
        "position",
        "type A {a: A}",
    ),
)


@cache
def real_documents() -> tuple[str, ...]:
    """Return the documents of the pages in docs/ and of GraphiQL's tabs, and the query of introspection."""
    pages = sorted((CHECKOUT / "docs").rglob("*.md"))
    found = [
        document
        for page in pages
        for document in re.findall(r"^ *```graphql\n(.*?)```$", page.read_text(), re.M | re.S)
    ]
    tabs = (CHECKOUT / "frontend" / "graphiql" / "examples.ts").read_text()
    event = re.findall(r"const EVENT = `(.*?)`", tabs, re.S)
    queries = re.findall(r"query: `(.*?)`", tabs, re.S)
    found += [query.replace("${EVENT}", event[0]) for query in queries]
    return (*found, get_introspection_query())


class Grammar:
    """Draws requests."""

    def __init__(self, schema: GraphQLSchema, random: Random) -> None:
        self._schema = schema
        self._random = random
        self._real = real_documents()

    def document(self) -> str:
        """Return a document: valid, nearly valid, or nonsense."""
        kind = self._random.random()
        text = self._random.choice(self._real) if kind < 0.4 else self._generated()
        for _ in range(self._random.choice((0, 0, 0, 1, 1, 2, 8))):
            text = self._mutated(text)
        return text

    def variables(self) -> Any:
        """Return variables, mostly an object."""
        if self._random.random() < 0.1:
            return self.value(2)
        names = ("after", "first", "x", "input", "id", "types", "filter", "a" * 129)
        chosen = self._random.sample(names, self._random.randrange(4))
        return {name: self.value(3) for name in chosen}

    def value(self, depth: int) -> Any:
        """Return any JSON value."""
        draw = self._random.random()
        if depth and draw < 0.15:
            return [self.value(depth - 1) for _ in range(self._random.choice((0, 1, 3, 30)))]
        if depth and draw < 0.3:
            names = ("title", "recipientId", "types", "read", "data", "persistedQuery", "")
            return {name: self.value(depth - 1) for name in names if self._random.random() < 0.5}
        return self._random.choice(SCALARS)

    def _generated(self) -> str:
        root = self._random.choice(("query", "query", "mutation", "subscription"))
        kind = {
            "query": self._schema.query_type,
            "mutation": self._schema.mutation_type,
            "subscription": self._schema.subscription_type,
        }[root]
        assert kind is not None
        name = self._random.choice(("", "Q"))
        definitions = self._random.choice(("", "($after: String, $first: Int, $x: Boolean = true)"))
        text = f"{root} {name}{definitions} {self._selection(kind, 5)}"
        if self._random.random() < 0.3:
            part = self._selection(kind, 3)
            text += f" fragment F on {kind.name} {part}"
        return text

    def _selection(self, kind: Any, depth: int) -> str:
        if not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            return ""
        count = self._random.choice((1, 1, 2, 3, 6, 20))
        return "{ " + " ".join(self._selected(kind, depth) for _ in range(count)) + " }"

    def _selected(self, kind: GraphQLObjectType | GraphQLInterfaceType, depth: int) -> str:
        draw = self._random.random()
        if draw < 0.05:
            return "...F"
        if draw < 0.15 and depth:
            types = [name for name in self._schema.type_map if not name.startswith("__")]
            condition = self._random.choice((kind.name, kind.name, self._random.choice(types)))
            return (
                f"... on {condition} {self._selection(self._schema.type_map[condition], depth - 1)}"
            )
        name, field = self._random.choice(list(kind.fields.items()))
        inner = self._selection(get_named_type(field.type), depth - 1) if depth else ""
        alias = self._random.choice(("", "", "", "a: ", "id: "))
        return f"{alias}{name}{self._arguments(field)}{self._directive()} {inner}"

    def _arguments(self, field: GraphQLField) -> str:
        chosen = [name for name in field.args if self._random.random() < 0.4]
        return f"({', '.join(f'{name}: {self._literal(2)}' for name in chosen)})" if chosen else ""

    def _literal(self, depth: int) -> str:
        """Return a value as it stands in a document."""
        draw = self._random.random()
        if depth and draw < 0.2:
            return "[" + " ".join(self._literal(depth - 1) for _ in range(3)) + "]"
        if depth and draw < 0.4:
            names = ("title", "recipientId", "types", "read", "type", "enabled")
            inner = " ".join(f"{name}: {self._literal(depth - 1)}" for name in names)
            return "{" + inner + "}"
        literals = (
            "1",
            "-1",
            "100",
            "99999999999",
            "1.5",
            '"x"',
            '"1"',
            "true",
            "null",
            "$after",
            "E",
        )
        return self._random.choice(literals)

    def _directive(self) -> str:
        directives = (*[""] * 8, " @include(if: true)", " @skip(if: $x)", " @nothing")
        return self._random.choice(directives)

    def _mutated(self, text: str) -> str:
        start = self._random.randrange(len(text) + 1)
        end = min(len(text), start + self._random.choice((1, 3, 10, 80)))
        part = text[start:end]
        match self._random.randrange(5):
            case 0:
                return text[:start] + text[end:]
            case 1:
                return text[:start] + self._random.choice(TOKENS) + text[start:]
            case 2:
                return text[:end] + part * self._random.choice((1, 5, 60)) + text[end:]
            case 3:
                return text[:start] + part[::-1] + text[end:]
            case _:
                words: list[str] = re.findall(r"\w+", text) or ["x"]
                old, new = self._random.choice(words), self._random.choice(words)
                return text.replace(old, new, 1)
