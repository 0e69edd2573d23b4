"""What Strawberry keeps private of a schema and of an execution, and this product needs.

- The graphql-core schema, to check documents and compile selections without building an operation of Strawberry's.
- Whether the client named the operation: Strawberry runs the first of several without asking.
- How Strawberry validates a document: with rules of its own for input objects.

What it relies on: `strawberry.Schema._schema`, `ExecutionContext._provided_operation_name`,
`strawberry.schema.schema.validate_document`. Tested with Strawberry 0.341.
"""

from __future__ import annotations

from typing import Any

from graphql import GraphQLSchema
from strawberry.schema.schema import validate_document
from strawberry.types.execution import ExecutionContext

__all__ = ["core_schema", "names_operation", "validate_document"]


def core_schema(schema: Any) -> GraphQLSchema:
    """Return the graphql-core schema of a Strawberry schema."""
    core: GraphQLSchema = schema._schema
    return core


def names_operation(execution: ExecutionContext) -> bool:
    """Return whether the client named the operation that is executed."""
    return execution._provided_operation_name is not None
