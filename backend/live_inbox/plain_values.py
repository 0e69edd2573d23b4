"""Plain values: what Python code passes, turned into the types that JSON has, in one place before anything is written.

The databases, orjson and msgspec differ in what else they accept: a subclass of `str` that one encodes, another
refuses, in the middle of a transaction. After `plain_scalar` and `plain_json` there are no subclasses left.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.utils.functional import LazyObject, Promise

from live_inbox.errors import InvalidInput
from live_inbox.storable import is_storable_text

MAX_DEPTH = 32
"""Levels of nesting that a JSON value may have."""

_EXACT_BELOW = 2.0**53
_PLAIN = frozenset({str, int, float, bool, type(None), dict, list})
_ENCODED_BY_DJANGO = (Promise, UUID, Decimal, date, time, timedelta)


def plain_scalar(value: object) -> object:
    """Return a text, a number or what stands for one as exactly `str`, `int` or `float`; anything else as it is.

    Members of enums become their values. Lazy texts are resolved in the active language. UUID, Decimal and the types of
    `datetime` become the texts that Django's JSON encoder writes. Raises what a lazy object's function raises, and
    ValueError for a time with a time zone, as the encoder does.
    """
    if type(value) in _PLAIN:
        return value
    if isinstance(value, LazyObject):
        return plain_scalar(_unwrapped(value))
    if isinstance(value, Enum):
        return plain_scalar(value.value)
    # The methods of the exact types: a subclass may have others. SafeString's returns a SafeString.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, _ENCODED_BY_DJANGO):
        return str.__str__(DjangoJSONEncoder().default(value))
    return value


def plain_json(value: object, *, field: str, depth: int = 1) -> Any:
    """Return a JSON value that the databases give back as it was; raise InvalidInput, naming the field, for others.

    Beside what `plain_scalar` turns into JSON, tuples become lists and dataclasses objects.
    """
    if depth > MAX_DEPTH:
        raise InvalidInput(f"{field} must be nested {MAX_DEPTH} levels deep at most.", field=field)
    value = plain_scalar(value)
    match value:
        case str():
            check_storable(value, field=field)
            return value
        case float():
            _check_exact(value, field=field)
            return value
        case None | int():
            return value
        case list() | tuple():
            return [plain_json(item, field=field, depth=depth + 1) for item in value]
        case _ if is_object(value):
            return _plain_object(object_of(value, field=field), field=field, depth=depth)
        case _:
            raise InvalidInput(f"{field} must consist of JSON values only.", field=field)


def is_lazy(value: object, *, depth: int = 0) -> bool:
    """Whether the active language may matter for what a value becomes: lazy texts, and objects with an address."""
    if type(value) in _PLAIN - {dict, list} or depth > MAX_DEPTH:
        return False
    if isinstance(value, LazyObject | Promise):
        return True
    if is_object(value):
        items = object_of(value, field="data").items()
        return any(is_lazy(each, depth=depth + 1) for item in items for each in item)
    if isinstance(value, list | tuple):
        return any(is_lazy(item, depth=depth + 1) for item in value)
    return hasattr(value, "get_absolute_url")


def is_object(value: object) -> bool:
    """Whether a value is an object in JSON: a dictionary or a dataclass."""
    return isinstance(value, dict) or (is_dataclass(value) and not isinstance(value, type))


def object_of(given: object, *, field: str) -> dict[Any, Any]:
    """Return an object as a new dictionary, its values as they are; raise InvalidInput for anything else."""
    value: Any = plain_scalar(given)
    if isinstance(value, dict):
        return {**value}
    if is_object(value):
        return {declared.name: getattr(value, declared.name) for declared in fields(value)}
    raise InvalidInput(f"{field} must be a JSON object.", field=field)


def check_storable(text: str, *, field: str) -> None:
    """Raise InvalidInput for a text that the databases or UTF-8 cannot hold."""
    if is_storable_text(text):
        return
    wrong = "not contain NUL characters" if "\x00" in text else "be valid Unicode"
    raise InvalidInput(f"{field} must {wrong}.", field=field)


def display_text(value: object) -> str:
    """Return a text for people from anything, such as what a project's user model returns: "" for None.

    What cannot be stored is left out or replaced.
    """
    if type(value) is int:
        return str(value)
    if value is None:
        return ""
    text = str.__str__(str(plain_scalar(value)))
    if is_storable_text(text):
        return text
    return text.replace("\x00", "").encode(errors="replace").decode()


def _unwrapped(value: Any) -> object:
    """Return the object behind a SimpleLazyObject. Asking for its class makes it."""
    _ = value.__class__
    return value._wrapped


def _plain_object(value: Mapping[Any, Any], *, field: str, depth: int) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for given, item in value.items():
        key = given if type(given) is str else plain_scalar(given)
        if not isinstance(key, str):
            raise InvalidInput(f"The keys of {field} must be strings.", field=field)
        check_storable(key, field=field)
        if key in plain:
            # Keys that differed, such as a text and a lazy one.
            raise InvalidInput(f"{field} must not contain a key twice.", field=field)
        plain[key] = plain_json(item, field=field, depth=depth + 1)
    return plain


def _check_exact(number: float, *, field: str) -> None:
    if not math.isfinite(number):
        raise InvalidInput(f"{field} must not contain NaN or infinite numbers.", field=field)
    # PostgreSQL gives 1e20 back as an integer, of another value or of more digits than JSON readers take.
    if abs(number) >= _EXACT_BELOW:
        raise InvalidInput(
            f"{field} must not contain floating-point numbers from 2^53.", field=field
        )
