"""The module that print_client_documents writes: a valid document of every field of the roots, and its types."""

from __future__ import annotations

import re

import pytest
from graphql import (
    NonNullTypeNode,
    OperationDefinitionNode,
    build_schema,
    get_operation_ast,
    parse,
    validate,
)

from live_inbox_graphql.costs import cost_error
from live_inbox_graphql.schema import sdl
from live_inbox_site.client_documents import client_documents
from live_inbox_site.client_types import client_types

SCHEMA = build_schema(sdl())
MODULE = client_documents()
FRAGMENT = re.findall(r"NOTIFICATION_FIELDS = /\* GraphQL \*/ `\n(.*?)`;", client_types(), re.S)[0]
TEXTS = {
    name: text.replace("${NOTIFICATION_FIELDS}", FRAGMENT)
    for name, text in re.findall(
        r"^export const (\w+)Document = .*?\(/\* GraphQL \*/ `(.*?)`\);", MODULE, re.S | re.M
    )
}
BUILT_IN = {"string", "number", "boolean", "unknown", "null"}


def test_every_field_of_the_roots_has_a_document() -> None:
    roots = (SCHEMA.query_type, SCHEMA.mutation_type, SCHEMA.subscription_type)
    names = [name for root in roots if root is not None for name in root.fields]
    assert [name[0].lower() + name[1:] for name in TEXTS] == names


@pytest.mark.parametrize("name", TEXTS)
def test_a_document_is_valid_and_within_the_limits(name: str) -> None:
    document = parse(TEXTS[name])
    assert validate(SCHEMA, document) == []
    operation = get_operation_ast(document)
    assert isinstance(operation, OperationDefinitionNode)
    assert operation.name is not None
    assert operation.name.value == name
    assert cost_error(SCHEMA, document, None, {}) is None


@pytest.mark.parametrize("name", TEXTS)
def test_what_the_types_let_be_left_out_can_be_left_out(name: str) -> None:
    pattern = rf"^export const {name}Document = .*?\n  \{{ .*? \}},\n  (.*?)\n>"
    (variables,) = re.findall(pattern, MODULE, re.S | re.M)
    optional = set(re.findall(r"(\w+)\?:", variables))
    operation = get_operation_ast(parse(TEXTS[name]))
    assert operation is not None
    needed = {
        each.variable.name.value
        for each in operation.variable_definitions or ()
        if isinstance(each.type, NonNullTypeNode) and each.default_value is None
    }
    assert not optional & needed


def test_every_type_is_declared_or_imported_once() -> None:
    declared = re.findall(r"^export (?:interface|type) (\w+)", MODULE, re.M)
    imported = re.findall(r"^import type \{ (.*) \}", MODULE, re.M)[0].split(", ")
    known = declared + imported
    assert len(known) == len(set(known))
    used = {
        name
        for kind in re.findall(r"^  (?:\w+\??|\{ \w+): (.+?)(?: \},)?;?$", MODULE, re.M)
        for name in re.findall(r"\b[A-Za-z]\w+\b", re.sub(r"\w+\??: ", "", kind))
        if not kind.startswith(("[", "/"))
    }
    assert {"NotificationConnection", "SendPayload", "NotificationFolder", "Node"} <= used
    assert used - BUILT_IN - {"Record", "never"} <= set(known)


def test_the_types_of_interfaces_are_listed() -> None:
    assert 'Node: ["Notification"],' in MODULE
    (events,) = re.findall(r"NotificationEvent: \[(.*)\],", MODULE)
    names = {kind.name for kind in SCHEMA.get_possible_types(SCHEMA.type_map["NotificationEvent"])}  # type: ignore[arg-type]
    assert {name.strip('"') for name in events.split(", ")} == names
