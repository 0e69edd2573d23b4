"""GraphQL over HTTP: generated documents, variables and bodies."""

from __future__ import annotations

import json
from random import Random
from typing import Any, ClassVar

import httpx

from tests.fuzzing.door import Door
from tests.fuzzing.grammar import Grammar
from tests.fuzzing.graphql_answers import check_errors
from tests.fuzzing.messages import request
from tests.fuzzing.soundness import WAIT_SECONDS, Unsound, check_status
from tests.fuzzing.target import Target
from tests.graphql.own_schema import schema

STATUSES = {200, 400, 401, 405, 406, 413, 415, 431, 503}

TYPES = (
    *("application/json; charset=utf-8", "application/json;charset=latin-1", "text/plain", ""),
    *(
        "application/graphql",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=b",
    ),
)
ACCEPTED = ("application/graphql-response+json", "application/json", "*/*", "image/png", ";", "")


class GraphQLRequestsDoor(Door):
    """Posts requests. Each is answered as JSON, with data or errors."""

    name: ClassVar[str] = "graphql"

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._client = httpx.Client(
            base_url=target.server.http, timeout=WAIT_SECONDS, trust_env=False
        )

    def attempt(self, random: Random) -> int:
        """Post one request."""
        body = request(Grammar(schema.schema._schema, random), random)
        self.sent = body
        headers = {"Accept": random.choice(ACCEPTED)} if random.random() < 0.2 else {}
        if random.random() < 0.9:
            headers["Authorization"] = f"Bearer {self.target.token}"
        if random.random() < 0.1 and isinstance(body, dict):
            answer = self._client.get("/graphql/", params=parameters(body), headers=headers)
        else:
            content, headers["Content-Type"] = _posted(random, body)
            answer = self._client.post("/graphql/", content=content, headers=headers)
        check_status(answer.status_code, body)
        if answer.status_code not in STATUSES:
            raise Unsound(f"{answer.status_code} for {body!r}")
        content = answer.json()
        if not content.keys() & {"data", "errors"}:
            raise Unsound(f"neither data nor errors for {body!r}")
        check_errors(content, body)
        return 1

    def finish(self, *, is_long: bool) -> None:
        """Close the connections."""
        self._client.close()


def parameters(body: dict[str, Any]) -> dict[str, str]:
    """Return the parameters of a GET request: text, or JSON. They are cut off where no address is that long."""
    values = {
        name: value if isinstance(value, str) else json.dumps(value) for name, value in body.items()
    }
    return {name: value.encode(errors="replace").decode()[:3000] for name, value in values.items()}


def _posted(random: Random, body: Any) -> tuple[bytes, str]:
    """Return a body and its type: JSON in general, but also batches, uploads, and other types and text."""
    content, kind = json.dumps(body).encode(), "application/json"
    draw = random.random()
    if draw < 0.03:
        content = json.dumps([body] * random.choice((0, 1, 2, 20))).encode()
    elif draw < 0.06:
        kind = random.choice(TYPES)
    elif draw < 0.08:
        parts = (("operations", content), ("map", b'{"0": ["variables.file"]}'), ("0", b"file"))
        head = b'--b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'
        content = b"".join(head % (name.encode(), value) for name, value in parts) + b"--b--\r\n"
        kind = "multipart/form-data; boundary=b"
    elif draw < 0.12:
        at = random.randrange(len(content) + 1)
        content = (
            content[:at] + random.choice((b"", b"\xff", b"\x00", b"}", b'"')) + content[at + 1 :]
        )
    return content, kind
