"""The examination of a document: it is parsed, held to the limits, and validated. Any thread may do it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from graphql import (
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    specified_rules,
)

from live_inbox.conf import InboxSettings, inbox_settings
from live_inbox.internals.graphql_parsing import parse_document
from live_inbox.internals.strawberry_schema import validate_document
from live_inbox_graphql.document_limits import excesses
from live_inbox_graphql.errors import mark_invalid
from live_inbox_graphql.introspection import introspection_errors
from live_inbox_graphql.repeated_fields import repeated_fields

NODES_AT_ONCE = 16
"""Nodes that are validated between two pauses: about a fifth of a millisecond."""

Rules = tuple[type[ASTValidationRule], ...]
GiveWay = Callable[[], None]


@dataclass(slots=True)
class Examination:
    """What is known of a text, under the settings of this process at the time.

    `document` is None for a text that is not GraphQL. `syntax_error` says why, unless it is nested too deeply for the
    parser. `errors` is None as long as the document has not been checked.
    """

    settings: InboxSettings
    document: DocumentNode | None
    syntax_error: GraphQLError | None = None
    errors: list[GraphQLError] | None = None


def examine(schema: GraphQLSchema, text: str, give_way: GiveWay) -> Examination:
    """Parse a document and check it; call `give_way` again and again meanwhile."""
    found = parse_text(text, give_way)
    if found.document is not None:
        rules = (*specified_rules, _pausing_rule(give_way))
        found.errors = errors_of(schema, found.document, rules, give_way)
    return found


def parse_text(text: str, give_way: GiveWay | None = None) -> Examination:
    """Parse a document."""
    settings = inbox_settings()
    try:
        document = parse_document(text, max_tokens=settings.max_query_tokens, give_way=give_way)
    except GraphQLError as error:
        return Examination(settings, None, error.with_traceback(None))
    except RecursionError:
        return Examination(settings, None)
    return Examination(settings, document)


def errors_of(
    schema: GraphQLSchema, document: DocumentNode, rules: Rules, give_way: GiveWay | None = None
) -> list[GraphQLError]:
    """Return the errors of a document, with their codes."""
    assert validate_document is not None
    is_hidden = not inbox_settings().introspects
    return mark_invalid(
        excesses(document, give_way)
        or introspection_errors(document)
        or validate_document(schema, document, rules, hide_suggestions=is_hidden)
        or repeated_fields(schema, document)
    )


@lru_cache(maxsize=2)
def _pausing_rule(give_way: GiveWay) -> type[ASTValidationRule]:
    """Return a rule of validation that finds nothing, and pauses."""

    class Pausing(ASTValidationRule):
        nodes = 0

        def enter(self, *_: Any) -> None:
            self.nodes += 1
            if self.nodes % NODES_AT_ONCE == 0:
                give_way()

    return Pausing
