"""What strangers learn of a schema: nothing by introspection or suggestions, unless INTROSPECTION is on."""

from __future__ import annotations

from graphql import DocumentNode, FieldNode, GraphQLError, Node

from live_inbox.conf import inbox_settings

_SUGGESTION = " Did you mean "
"""How graphql-core begins them; they are the last sentence of a message."""

_FIELDS = {"__schema", "__type"}


def introspection_errors(document: DocumentNode) -> list[GraphQLError]:
    """Return an error for a document that asks for the schema where introspection is off."""
    if inbox_settings().introspects or not _introspects(document):
        return []
    return [GraphQLError("Introspection is off on this server.")]


def _introspects(document: DocumentNode) -> bool:
    nodes: list[Node] = list(document.definitions)
    while nodes:
        node = nodes.pop()
        if isinstance(node, FieldNode) and node.name.value in _FIELDS:
            return True
        selection_set = getattr(node, "selection_set", None)
        if selection_set is not None:
            nodes.extend(selection_set.selections)
    return False


def without_suggestions(error: GraphQLError) -> GraphQLError:
    """Take the names of the schema that the client did not write out of an error's message, and return the error."""
    if not inbox_settings().introspects and _SUGGESTION in error.message:
        error.message = error.message.partition(_SUGGESTION)[0]
    return error
