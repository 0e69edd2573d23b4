"""The names of the inbox's types in a schema that has types of its own."""

from __future__ import annotations

from strawberry.schema.name_converter import NameConverter
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.enum import StrawberryEnumDefinition

_PACKAGE = "live_inbox_graphql."
_ROOTS = {"Query", "Mutation", "Subscription"}


def name_converter(*, prefix: str, auto_camel_case: bool = True) -> NameConverter:
    """Return a converter that puts a prefix before the names of the inbox's types, for `StrawberryConfig`.

    With `prefix="Inbox"`, `Notification` becomes `InboxNotification`; `InboxUser`, which has it already, stays. Root
    types, scalars and the project's own types keep their names.
    """
    return _PrefixConverter(prefix, auto_camel_case=auto_camel_case)


class _PrefixConverter(NameConverter):
    def __init__(self, prefix: str, *, auto_camel_case: bool) -> None:
        super().__init__(auto_camel_case=auto_camel_case)
        self._prefix = prefix

    def from_object(self, object_type: StrawberryObjectDefinition) -> str:
        """Return the name of an object, input or interface type."""
        return self._named(super().from_object(object_type), object_type.origin)

    def from_enum(self, enum: StrawberryEnumDefinition) -> str:
        """Return the name of an enumeration."""
        return self._named(super().from_enum(enum), enum.wrapped_cls)

    def _named(self, name: str, origin: type) -> str:
        is_ours = origin.__module__.startswith(_PACKAGE) and name not in _ROOTS
        return self._prefix + name if is_ours and not name.startswith(self._prefix) else name
