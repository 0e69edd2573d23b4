"""Asks GraphQL over HTTP, through all of Django."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import AsyncClient

from live_inbox.identity.issuing import issue_token


def bearer(user: User, *scopes: str) -> str:
    """Return the value of an Authorization header."""
    return f"Bearer {issue_token(user, ttl_seconds=600, scopes=scopes)}"


class Ask:
    """Asks questions and returns the bodies of the answers."""

    async def __call__(
        self, query: str, user: User | None, variables: dict[str, Any] | None = None, *scopes: str
    ) -> dict[str, Any]:
        """Ask as that user, with a token of these scopes, or as nobody."""
        headers = {} if user is None else {"Authorization": bearer(user, *scopes)}
        answer = await post({"query": query, "variables": variables}, **headers)
        assert answer.status_code == 200, answer.content
        body: dict[str, Any] = json.loads(answer.content)
        return body

    async def data(
        self, query: str, user: User | None, variables: dict[str, Any] | None = None, *scopes: str
    ) -> Any:
        """Ask what must succeed, and return the value of the only field."""
        body = await self(query, user, variables, *scopes)
        assert "errors" not in body, body
        (value,) = body["data"].values()
        return value

    async def error(
        self, query: str, user: User | None, variables: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Ask what must fail, and return the only error without its place in the document."""
        body = await self(query, user, variables)
        (error,) = body["errors"]
        del error["locations"]
        return dict(error)


async def post(body: object, **headers: str) -> HttpResponse:
    """Send a body as JSON and return the response."""
    answer = await AsyncClient().post(
        "/graphql/", json.dumps(body), content_type="application/json", headers=headers
    )
    assert isinstance(answer, HttpResponse)
    return answer
