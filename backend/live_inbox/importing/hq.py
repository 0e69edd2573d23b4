"""The notifications of django-notifications-hq: an actor, a verb, and what they are about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

from django.db.models import Model

from live_inbox.importing.model_pages import count_rows, value_pages
from live_inbox.importing.references import Reference, References
from live_inbox.importing.rows import Page, Skipped, SourceRow
from live_inbox.importing.types import to_type

MODEL = "notifications.Notification"

KEY_PREFIX = "hq:"
"""What a row's idempotency key begins with; its primary key follows."""

TypeFrom = Literal["level", "verb"]


class _Row(NamedTuple):
    """The columns that are read, in this order."""

    pk: Any
    recipient_id: Any
    level: str
    unread: bool
    deleted: bool
    public: bool
    verb: str
    description: str | None
    timestamp: Any
    data: Any
    actor_content_type_id: int
    actor_object_id: str
    action_object_content_type_id: int | None
    action_object_object_id: str | None
    target_content_type_id: int | None
    target_object_id: str | None

    @property
    def actor(self) -> Reference:
        return self.actor_content_type_id, self.actor_object_id

    @property
    def action_object(self) -> Reference:
        return self.action_object_content_type_id, self.action_object_object_id

    @property
    def target(self) -> Reference:
        return self.target_content_type_id, self.target_object_id

    @property
    def references(self) -> tuple[Reference, ...]:
        return self.actor, self.action_object, self.target


class HqSource:
    """Reads the table of django-notifications-hq, or of a model with the same fields, in the order of its keys."""

    fields: Sequence[str] = _Row._fields

    def __init__(
        self, model: type[Model], *, type_from: TypeFrom = "level", after: Any = None
    ) -> None:
        self._model = model
        self._type_from = type_from
        self._after = after

    def total(self) -> int:
        """Return the number of rows of the table."""
        return count_rows(self._model)

    def pages(self) -> Iterator[Page]:
        """Yield all rows; those that were deleted softly are skipped."""
        references = References()
        for values in value_pages(self._model, self.fields, order=("pk",), after=self._after):
            rows = [_Row(*row) for row in values]
            references.load(each for row in rows for each in row.references)
            yield [self._to_source(row, references) for row in rows]

    def _to_source(self, row: _Row, references: References) -> SourceRow | Skipped:
        place = f"{KEY_PREFIX}{row.pk}"
        if row.deleted:
            return Skipped(place, "deleted")
        kind = row.level if self._type_from == "level" else row.verb
        return SourceRow(
            place=place,
            key=place,
            recipient=row.recipient_id,
            sender=references.user_id(row.actor),
            created_at=row.timestamp,
            read=not row.unread,
            content={
                "type": to_type(kind),
                "title": _title(row, references),
                "message": row.description or "",
                "data": _data(row, references),
            },
        )


def _title(row: _Row, references: References) -> str:
    """Return what the model's `__str__` returns, without the time."""
    action_object, target = references.name(row.action_object), references.name(row.target)
    parts = [references.name(row.actor), row.verb, action_object]
    if target is not None:
        parts += [target] if action_object is None else ["on", target]
    return " ".join(part for part in parts if part)


def _data(row: _Row, references: References) -> dict[str, Any]:
    """Return the row's own data and, as `hq`, what the content has no field for."""
    own = (
        row.data if isinstance(row.data, dict) else {} if row.data is None else {"value": row.data}
    )
    described = {
        name: references.describe(getattr(row, name))
        for name in ("actor", "action_object", "target")
    }
    details = {"level": row.level, "verb": row.verb, "public": row.public, **described}
    return {**own, "hq": {name: value for name, value in details.items() if value is not None}}
