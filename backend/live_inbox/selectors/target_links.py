"""The links of the objects that notifications are about, as the setting TARGET_LINKS says.

Asked for many targets at a time: one query, or one call of the project's function, for each model.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any

from django.apps import apps
from django.db import DatabaseError
from django.utils.module_loading import import_string

from live_inbox import metrics
from live_inbox.conf import inbox_settings
from live_inbox.content import LINK_LENGTH
from live_inbox.content_texts import clean_address
from live_inbox.faults import RecurringFault
from live_inbox.plain_values import plain_scalar
from live_inbox.storable import is_storable_integer

Target = tuple[str, str]
"""A model, such as `shop.order`, and a primary key as text."""

TargetLinks = Callable[[Collection[str]], Mapping[str, Any]]
"""Takes keys as text, and returns a link, or an object with `get_absolute_url`, for those that have one."""

_fault = RecurringFault("links of TARGET_LINKS", metrics.TARGET_LINK_FAULTS)


def has_links(type: str) -> bool:
    """Whether objects of a model have links."""
    return type in inbox_settings().target_links


def target_links(targets: Iterable[Target]) -> dict[Target, str]:
    """Return the links of those of these objects that have one: not of missing ones, nor of models without links.

    What the project's code raises, and links that are no links, are logged and count as missing. Raises what the
    database raises.
    """
    by_type: dict[str, set[str]] = defaultdict(set)
    for type, id in targets:
        if has_links(type):
            by_type[type].add(id)
    return {
        (type, id): link
        for type, ids in by_type.items()
        for id, found in _found(type, sorted(ids)).items()
        if (link := _link(found)) and id in ids
    }


def _found(type: str, ids: Collection[str]) -> Mapping[str, Any]:
    """Return what stands for the links of a model's objects."""
    declared = inbox_settings().target_links[type]
    try:
        return _objects(type, ids) if declared is True else _function(declared)(ids)
    except DatabaseError:
        raise
    except Exception as error:  # the project's function may raise anything
        _fault.report(error)
        return {}


def _objects(type: str, ids: Collection[str]) -> Mapping[str, Any]:
    model: Any = apps.get_model(type)
    keys = {id: _key(model, id) for id in ids}
    wanted = {key for key in keys.values() if key is not None}
    found = {each.pk: each for each in model._default_manager.filter(pk__in=wanted)}
    return {id: found[key] for id, key in keys.items() if key in found}


def _key(model: Any, id: str) -> Any:
    """Return the primary key that a text stands for; None for what is no key of this model."""
    try:
        key = model._meta.pk.to_python(id)
    except Exception:  # whatever the field raises
        return None
    return None if isinstance(key, int) and not is_storable_integer(key) else key


def _link(found: Any) -> str:
    """Return the link; an empty text for none."""
    try:
        return "" if found is None else clean_address("link", plain_scalar(found), LINK_LENGTH)
    except DatabaseError:
        raise
    except Exception as error:  # `get_absolute_url` may raise anything
        _fault.report(error)
        return ""


@lru_cache(maxsize=64)
def _function(path: str) -> TargetLinks:
    function: TargetLinks = import_string(path)
    return function
