"""What a client may send: bodies of requests, and messages of both subprotocols, right and wrong."""

from __future__ import annotations

import hashlib
import json
from random import Random
from typing import Any

from tests.fuzzing.grammar import Grammar

TYPES = {
    "graphql-transport-ws": ("subscribe", "complete", "ping", "pong"),
    "graphql-ws": ("start", "stop", "ping", "connection_terminate"),
}
WRONG_TYPES: tuple[Any, ...] = ("next", "", "connection_init", None, 5, [], "x" * 200)
IDS = (*"123456", "x" * 128, "x" * 129, "\ud800", "", None, 5)


def request(grammar: Grammar, random: Random) -> Any:
    """Return the parameters of an operation, mostly an object with a document."""
    if random.random() < 0.03:
        return grammar.value(3)
    body: dict[str, Any] = {"query": grammar.document(), "variables": grammar.variables()}
    draw = random.random()
    if draw < 0.1:
        body["operationName"] = random.choice(("Q", "List", "", None, 5))
    elif draw < 0.2:
        digest = hashlib.sha256(body["query"].encode(errors="surrogatepass")).hexdigest()
        persisted = {"version": 1, "sha256Hash": random.choice((digest, digest, "x", 5))}
        body["extensions"] = {"persistedQuery": random.choice((persisted, persisted, None, {}))}
        if random.random() < 0.5:
            del body["query"]
    elif draw < 0.25:
        body[random.choice(("query", "variables", "extensions"))] = grammar.value(2)
    return body


def message(grammar: Grammar, random: Random, subprotocol: str) -> str | bytes:
    """Return a message of a socket, mostly one that begins an operation."""
    draw = random.random()
    if draw < 0.02:
        return random.choice((b"", b"{}", "", "{", "[]", "null", "[" * 500, '"x"'))
    start, *others = TYPES[subprotocol]
    kind: Any = start if draw < 0.8 else random.choice(others)
    if random.random() < 0.02:
        kind = random.choice(WRONG_TYPES)
    id = random.choice(IDS[:6]) if random.random() < 0.97 else random.choice(IDS)
    return json.dumps({"type": kind, "id": id, "payload": request(grammar, random)})
