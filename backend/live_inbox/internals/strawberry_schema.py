"""What Strawberry keeps private of a schema and of an execution, and this product uses.

- The graphql-core schema, to check documents and compile selections without building an operation of Strawberry's.
- Whether the client named the operation: Strawberry runs the first of several without asking.
- How Strawberry validates a document: with rules of its own for input objects.
- Which Python class a type of the schema was made of.

What it relies on: `strawberry.Schema._schema`, `ExecutionContext._provided_operation_name`, the two rules that
`strawberry.schema.schema.validate_document` adds, the key `strawberry-definition` in the extensions of graphql-core's
types.
Tested with the Strawberry releases that `make matrix` installs.

Without the schema or the definitions, no subscription is compiled. Without the rules, only documents that Strawberry
has executed once are. Without the name, the first of several operations runs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import lru_cache
from inspect import signature
from typing import Any

from graphql import (
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    build_schema,
    validate,
)
from strawberry.types.execution import ExecutionContext

__all__ = ["core_schema", "definition_of", "names_operation", "validate_document"]

MAX_ERRORS = 10
"""Errors after which validation stops. Each costs time: its suggestions, and the places it names."""

logger = logging.getLogger(__name__)

Validate = Callable[..., list[GraphQLError]]
"""Takes a schema, a document, rules, and by keyword `hide_suggestions`."""


def _validation() -> Validate | None:
    """Return Strawberry's validation with fewer errors; None if its rules have moved."""
    try:
        from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
        from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule
    except ImportError:
        return None
    own = (MaybeNullValidationRule, OneOfInputValidationRule)
    # Since graphql-core 3.3. Where it is not known, suggestions are taken out of the messages later.
    can_hide = "hide_suggestions" in signature(validate).parameters

    def validate_document(
        schema: GraphQLSchema,
        document: DocumentNode,
        rules: Sequence[type[ASTValidationRule]],
        *,
        hide_suggestions: bool = False,
    ) -> list[GraphQLError]:
        options: dict[str, Any] = {"hide_suggestions": hide_suggestions} if can_hide else {}
        return validate(schema, document, (*rules, *own), max_errors=MAX_ERRORS, **options)

    return validate_document


validate_document = _validation()

_CORE = "_schema"
_NAMED = "_provided_operation_name"


def core_schema(schema: Any) -> GraphQLSchema:
    """Return the graphql-core schema of a Strawberry schema; if that has moved, one made from its SDL."""
    core = getattr(schema, _CORE, None)
    if isinstance(core, GraphQLSchema):
        return core
    warn_once()
    return build_schema(schema.as_str())


def names_operation(execution: ExecutionContext) -> bool:
    """Return whether the client named the operation that is executed; True if Strawberry no longer says."""
    try:
        return getattr(execution, _NAMED) is not None
    except AttributeError:
        warn_once()
        return True


def definition_of(core: Any) -> Any:
    """Return Strawberry's definition of a type or field of graphql-core; None for one that it did not make."""
    return core.extensions.get("strawberry-definition")


@lru_cache(maxsize=1)
def warn_once() -> None:
    """Log that internals have moved, at the first call."""
    logger.warning(
        "This version of Strawberry does not fit the compiled selections; graphql-core executes every subscription, "
        "which costs more time for each event."
    )


if validate_document is None:
    warn_once()
