"""The notifications of a project that has copied the original guide: a model whose fields are found by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import AutoField, Field, IntegerField, Model

from live_inbox.errors import InvalidInput
from live_inbox.importing.model_pages import count_rows, value_pages
from live_inbox.importing.rows import Page, SourceRow
from live_inbox.importing.types import to_type

CANDIDATES: Mapping[str, tuple[str, ...]] = {
    "recipient": ("user", "recipient"),
    "sender": ("sender",),
    "type": ("notification_type", "type"),
    "title": ("title",),
    "message": ("message", "body", "text"),
    "link": ("link", "url"),
    "data": ("data",),
    "created_at": ("created_at", "timestamp", "created"),
    "read": ("read", "is_read"),
    "read_at": ("read_at",),
    "expires_at": ("expires_at",),
}
"""What a row consists of, and the names that the field of the model may have."""

_CONTENT = ("title", "message", "link", "data", "expires_at")


class GuideSource:
    """Reads the rows of a model in the order of their keys or, if these are not numbers, of their times."""

    def __init__(
        self, model: type[Model], *, columns: Mapping[str, str] | None = None, after: Any = None
    ) -> None:
        self._model = model
        self._is_numbered = isinstance(model._meta.pk, AutoField | IntegerField)
        if after is not None and not self._is_numbered:
            raise InvalidInput(f"The keys of {model._meta.label} have no order.", field="after")
        self._after = after
        self._columns = {**_find_columns(model), **(columns or {})}
        for name in ("recipient", "title"):
            if name not in self._columns:
                raise InvalidInput(
                    f"{model._meta.label} has no field for {name!r}. Name it: --column {name}=FIELD.",
                    field=name,
                )

    def total(self) -> int:
        """Return the number of rows of the table."""
        return count_rows(self._model)

    def pages(self) -> Iterator[Page]:
        """Yield all rows."""
        names = list(self._columns)
        fields = ["pk", *self._columns.values()]
        order = self._order()
        for page in value_pages(self._model, fields, order=order, after=self._after):
            yield [self._to_source(pk, dict(zip(names, row, strict=True))) for pk, *row in page]

    def _order(self) -> tuple[str, ...]:
        if self._is_numbered or "created_at" not in self._columns:
            return ("pk",)
        return (self._columns["created_at"], "pk")

    def _to_source(self, pk: Any, row: dict[str, Any]) -> SourceRow:
        content = {name: row[name] for name in _CONTENT if row.get(name) is not None}
        return SourceRow(
            place=f"{self._model._meta.label} {pk}",
            key=f"{key_prefix(self._model)}{pk}",
            recipient=row["recipient"],
            sender=row.get("sender"),
            created_at=row.get("created_at"),
            read=row.get("read_at") or bool(row.get("read")),
            content={"type": to_type(row.get("type")), **content},
        )


def key_prefix(model: type[Model]) -> str:
    """Return what a row's idempotency key begins with; its primary key follows."""
    return f"guide:{model._meta.label_lower}:"


def _find_columns(model: type[Model]) -> dict[str, str]:
    """Return the columns of a row that the model has a field for."""
    found = {}
    for name, candidates in CANDIDATES.items():
        field = next(filter(None, (_field(model, candidate) for candidate in candidates)), None)
        if field is not None:
            found[name] = field.attname
    return found


def _field(model: type[Model], name: str) -> Field[Any, Any] | None:
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    return field if isinstance(field, Field) else None
