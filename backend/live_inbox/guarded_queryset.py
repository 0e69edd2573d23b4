"""A query set that reads and does not write: writes that bypass the services would not reach devices."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

from django.db import models

from live_inbox.errors import UnrecordedWrite

ModelT = TypeVar("ModelT", bound=models.Model)


def _refused(method: str, instead: str) -> Any:
    """Return a query set's method that raises UnrecordedWrite and names the service to call."""

    def refuse(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
        raise UnrecordedWrite(f"{method}()", instead)

    refuse.__name__ = refuse.__qualname__ = method
    refuse.__doc__ = f"Raise UnrecordedWrite: use {instead}."
    # Templates do not call it.
    refuse.alters_data = True  # type: ignore[attr-defined]
    return refuse


_SEND = "live_inbox.send() or send_many()"
_MARK = "live_inbox.mark_read(), mark_unread() or mark_all_read()"
_DELETE = "live_inbox.delete()"


class GuardedQuerySet(models.QuerySet[ModelT]):
    """Refuses what writes. The asynchronous twins of these methods call them, and are refused as well."""

    create = _refused("create", _SEND)
    bulk_create = _refused("bulk_create", _SEND)
    get_or_create = _refused("get_or_create", f"{_SEND}, with an idempotency key")
    update_or_create = _refused("update_or_create", f"{_SEND}, with an idempotency key")
    update = _refused("update", _MARK)
    bulk_update = _refused("bulk_update", _MARK)
    delete = _refused("delete", _DELETE)
