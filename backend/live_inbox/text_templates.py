"""Django templates of plain texts, without files: the titles and messages that types declare.

Nothing is escaped, because notifications are no HTML. A name that the context lacks is an error and not an empty place;
`{% if %}`, `{% for %}` and `{% firstof %}` may ask for one. The tags of translations and time zones, and the filter
`moment`, need no `{% load %}`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NoReturn

from django.conf import global_settings, settings
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.template import TemplateSyntaxError, VariableDoesNotExist
from django.template.backends.django import DjangoTemplates
from django.utils import translation
from django.utils.functional import Promise

from live_inbox.declared_types import Template


class MissingName(Exception):
    """Raised when a template needs a name that the context lacks."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the template needs {name}")


class _Missing(str):
    """What Django formats with the name that is missing."""

    __slots__ = ()

    def __mod__(self, name: object) -> NoReturn:
        raise MissingName(str(name))


@lru_cache(maxsize=1)
def _engine() -> DjangoTemplates:
    return DjangoTemplates(
        {
            "NAME": "live_inbox",
            "DIRS": [],
            "APP_DIRS": False,
            "OPTIONS": {
                "autoescape": False,
                "builtins": [
                    "django.templatetags.i18n",
                    "django.templatetags.l10n",
                    "django.templatetags.tz",
                    "live_inbox.template_filters",
                ],
                "debug": False,
                "string_if_invalid": _Missing("%s"),
            },
        }
    )


@lru_cache(maxsize=1024)
def _compiled(text: str) -> Any:
    return _engine().from_string(text)


def render(template: Template, context: Mapping[str, Any]) -> str:
    """Return the text in the active language and time zone.

    Raises MissingName, TemplateSyntaxError, and what the template's tags and filters raise.
    """
    try:
        rendered: str = _compiled(_text(template)).render(dict(context))
    except VariableDoesNotExist as error:  # of the argument of a filter
        raise MissingName(str(error.params[0])) from error
    return rendered


def problems(template: Template) -> Iterator[str]:
    """Yield what is wrong with a template in any of the project's languages."""
    if isinstance(template, Mapping):
        known = {code.lower() for code, _ in settings.LANGUAGES}
        for code in template:
            if code not in known and code != settings.LANGUAGE_CODE.lower():
                yield f"LANGUAGES has no {code!r}"
        if not any(code in template for code in _codes(settings.LANGUAGE_CODE)):
            yield f"it has no text in {settings.LANGUAGE_CODE!r}, the project's LANGUAGE_CODE"
    for text in dict.fromkeys(_texts(template)):
        try:
            _compiled(text)
        except TemplateSyntaxError as error:
            yield str(error)


def _texts(template: Template) -> Iterator[str]:
    if isinstance(template, Mapping):
        yield from template.values()
    elif isinstance(template, Promise):
        for code in _project_languages():
            with translation.override(code):
                yield str(template)
    else:
        yield template


def _project_languages() -> list[str]:
    """Return the languages that the project has chosen. Django's own hundred would have their catalogs loaded."""
    if settings.LANGUAGES == global_settings.LANGUAGES:
        return [settings.LANGUAGE_CODE]
    return [code for code, _ in settings.LANGUAGES]


def _text(template: Template) -> str:
    """Return the text in the active language, or else in the project's."""
    if not isinstance(template, Mapping):
        return str(template)
    active = translation.get_language() or settings.LANGUAGE_CODE
    for code in (*_codes(active), *_codes(settings.LANGUAGE_CODE)):
        if code in template:
            return template[code]
    return next(iter(template.values()))


def _codes(language: str) -> Iterator[str]:
    """Yield the code of a language, and those of the languages that it is a variant of."""
    code = language.lower()
    while code:
        yield code
        code = code.rpartition("-")[0]


@receiver(setting_changed)
def _compile_again(*, setting: str, **kwargs: Any) -> None:
    """Forget what is compiled after a test has changed the apps, which have the libraries of tags."""
    if setting == "INSTALLED_APPS":
        _engine.cache_clear()
        _compiled.cache_clear()
