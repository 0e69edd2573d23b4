"""Everything that the product sends of a notification and of an event is compared: a new field has to be added here."""

from __future__ import annotations

import pytest
from graphql import (
    FieldNode,
    GraphQLObjectType,
    SelectionSetNode,
    build_schema,
    get_named_type,
    parse,
)

from live_inbox.events import Snapshot
from live_inbox.json_api.messages import NotificationObject
from tests.chaos import graphql_clients, original_client
from tests.chaos.history import CONTENT
from tests.stacks.uvicorn_server import REPOSITORY

pytestmark = pytest.mark.stack("embedded")

SCHEMA = build_schema((REPOSITORY / "schema.graphql").read_text())
NOTIFICATION = SCHEMA.type_map["Notification"]
EVENT = SCHEMA.type_map["NotificationEvent"]


def test_every_field_of_a_snapshot_is_compared() -> None:
    assert set(CONTENT) == set(Snapshot.__struct_fields__)


def selected(selections: SelectionSetNode, name: str) -> set[str]:
    """Return the fields that are selected of a type, on the interface or on the type itself."""
    found: set[str] = set()
    for selection in selections.selections:
        if isinstance(selection, FieldNode):
            found.add(selection.name.value)
        elif selection.type_condition.name.value == name:  # type: ignore[attr-defined]
            found |= selected(selection.selection_set, name)  # type: ignore[attr-defined]
    return found


def notification_events() -> SelectionSetNode:
    """Return what clients select of events."""
    operation = parse(graphql_clients.EVENTS).definitions[0]
    (field,) = operation.selection_set.selections  # type: ignore[attr-defined]
    selections: SelectionSetNode = field.selection_set
    return selections


def test_every_field_of_every_event_is_selected() -> None:
    events = SCHEMA.get_implementations(EVENT).objects  # type: ignore[arg-type]
    assert events
    for event in events:
        assert selected(notification_events(), event.name) == {"__typename", *event.fields}


def test_every_field_of_a_notification_is_selected() -> None:
    assert isinstance(NOTIFICATION, GraphQLObjectType)
    document = parse(f"{{ {graphql_clients.NOTIFICATION} }}").definitions[0]
    selections: SelectionSetNode = document.selection_set  # type: ignore[attr-defined]
    assert selected(selections, "Notification") == set(NOTIFICATION.fields)
    for name in ("sender", "actor", "target", "actions"):
        part = next(each for each in selections.selections if each.name.value == name)  # type: ignore[attr-defined]
        kind = get_named_type(NOTIFICATION.fields[name].type)
        assert isinstance(kind, GraphQLObjectType)
        # Not of an event: it is read from the database when it is asked for.
        fields = set(kind.fields) - ({"link"} if name == "target" else set())
        assert selected(part.selection_set, kind.name) == fields  # type: ignore[attr-defined]


def test_every_key_of_the_json_api_is_compared() -> None:
    row = {
        "id": 1,
        "title": "a",
        "message": "b",
        "type": "c",
        "read": True,
        "created_at": "2026-01-01T00:00:00Z",
        "data": {},
        "link": "/d",
        "expires_at": "2026-01-02T00:00:00Z",
        "priority": "high",
        "icon": "bell",
        "actor": {"name": "Ana"},
        "target": {"type": "shop.order", "id": "7"},
        "actions": [{"label": "Pay", "id": "pay"}],
        "format": "markdown",
        "folder": "archive",
        "snoozed_until": "2026-01-03T00:00:00Z",
        "pinned": True,
        "performed_action": "pay",
        "performed_at": "2026-01-04T00:00:00Z",
        "edited_at": "2026-01-04T00:00:00Z",
        "group_key": "order 7",
        "group_count": 2,
        "group_actors": [{"name": "Bo"}],
    }
    assert set(row) == set(NotificationObject.__annotations__)
    known = original_client.notification_of(row)
    for key in row:
        changed = row | {
            key: {"id": 2, "read": False, "pinned": False, "data": {"x": 1}}.get(
                key, "2026-02-02T00:00:00Z"
            )
        }
        assert original_client.notification_of(changed) != known
