"""The limits of a request, checked before anything of it is parsed: its document's length, and its variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import GraphQLError

from live_inbox.conf import inbox_settings
from live_inbox_graphql.errors import Code

VALUES_BESIDE_RECIPIENTS = 1000
"""Values that variables may hold beyond MAX_RECIPIENTS. Each takes a microsecond or more to coerce."""


def check_request(document: str, variables: Mapping[str, Any] | None) -> None:
    """Raise GraphQLError for a document that is too long, or for variables that hold too many values."""
    settings = inbox_settings()
    longest = settings.max_query_characters
    if len(document) > longest:
        raise GraphQLError(
            f"The document has more than {longest} characters.",
            extensions={"code": Code.GRAPHQL_PARSE_FAILED.value},
        )
    most = settings.max_recipients + VALUES_BESIDE_RECIPIENTS
    if variables and _holds_more(variables, most):
        raise GraphQLError(
            f"The variables hold more than {most} values.",
            extensions={"code": Code.BAD_USER_INPUT.value, "field": "variables"},
        )


def _holds_more(value: object, most: int) -> bool:
    """Return whether a JSON value holds more values than `most`, each object, list and scalar counted."""
    count = 1
    holders: list[object] = [value]
    while holders:
        holder = holders.pop()
        held = holder.values() if isinstance(holder, dict) else holder
        assert not isinstance(held, str)
        count += len(held)  # type: ignore[arg-type]
        if count > most:
            return True
        holders.extend(each for each in held if isinstance(each, dict | list))  # type: ignore[attr-defined]
    return False
