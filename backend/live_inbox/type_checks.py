"""The system checks of the declared types of notification: each mistake with its own id and hint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from django.core.checks import CheckMessage, Error

from live_inbox import text_templates
from live_inbox.declared_types import Mistake, WrongTypes, declared_types

_TEXT = ("live_inbox.E043", "Write a string, or gettext_lazy of one.")
_CHANNELS = (
    "live_inbox.E046",
    'Write true or false, or a list of channels: ["in_app"], and those of CHANNELS. What is required is on by default.',
)
_TEMPLATE = (
    "live_inbox.E047",
    "Write a Django template, or one for each language, that of LANGUAGE_CODE among them: docs/types.md.",
)

_BY_PART: Mapping[str, tuple[str, str]] = {
    "types": (
        "live_inbox.E040",
        "Name a mapping, or a function that returns one, as package.module.name.",
    ),
    "slug": (
        "live_inbox.E041",
        "A type has letters, digits, '-', '_' and '.', 64 at most, and begins with a letter or digit.",
    ),
    "unknown": ("live_inbox.E042", "docs/types.md lists what may be declared about a type."),
    "label": _TEXT,
    "description": _TEXT,
    "category": ("live_inbox.E044", "Write a slug, which clients translate: billing."),
    "icon": ("live_inbox.E045", "Write a short name, or the https address of a picture."),
    "format": ("live_inbox.E049", "Write plain or markdown."),
    "default": _CHANNELS,
    "required": _CHANNELS,
    "title": _TEMPLATE,
    "message": _TEMPLATE,
    "retention_days": ("live_inbox.E048", "Write a number of days above 0."),
}
"""The id of a mistake, and what to do about it."""


def type_errors() -> Iterator[CheckMessage]:
    """Yield the mistakes of the declaration, those of its templates included."""
    try:
        declared = declared_types()
    except WrongTypes as wrong:
        yield from map(_error, wrong.mistakes)
        return
    for slug, type in declared.items():
        for name, template in type.templates.items():
            for problem in text_templates.problems(template):
                yield _error(Mistake(name, f"TYPES.{slug}.{name}: {problem}"))


def _error(mistake: Mistake) -> Error:
    id, hint = _BY_PART[mistake.part]
    return Error(f"{mistake.message}.", hint=hint, id=id)
