"""GraphQL over HTTP: generated documents, variables and bodies."""

from __future__ import annotations

import json
from random import Random
from typing import ClassVar

import httpx

from tests.fuzzing.door import Door
from tests.fuzzing.grammar import Grammar
from tests.fuzzing.graphql_answers import check_errors
from tests.fuzzing.messages import request
from tests.fuzzing.soundness import WAIT_SECONDS, Unsound, check_status
from tests.fuzzing.target import Target
from tests.graphql.own_schema import schema

STATUSES = {200, 400, 401, 405, 413, 503}


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
        grammar = Grammar(schema.schema._schema, random)
        body = json.dumps(request(grammar, random)).encode()
        headers = {"Content-Type": "application/json"}
        if random.random() < 0.9:
            headers["Authorization"] = f"Bearer {self.target.token}"
        answer = self._client.post("/graphql/", content=body, headers=headers)
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
