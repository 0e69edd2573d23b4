"""The GraphQL API: the types, the schema, and the HTTP and WebSocket transports that serve it.

What a project needs to join the inbox to its own Strawberry schema is importable from here: `Query`, `Mutation` and
`Subscription` to inherit from, `EVENT_TYPES` for `strawberry.Schema(types=...)`, `name_converter` for a prefix.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from live_inbox_graphql.events import EVENT_TYPES
    from live_inbox_graphql.mutations import Mutation
    from live_inbox_graphql.names import name_converter
    from live_inbox_graphql.queries import Query
    from live_inbox_graphql.subscriptions import Subscription

__all__ = ["EVENT_TYPES", "Mutation", "Query", "Subscription", "name_converter"]

_MODULES = {
    "EVENT_TYPES": "live_inbox_graphql.events",
    "Mutation": "live_inbox_graphql.mutations",
    "Query": "live_inbox_graphql.queries",
    "Subscription": "live_inbox_graphql.subscriptions",
    "name_converter": "live_inbox_graphql.names",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: types import models, which exist once Django is set up."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
