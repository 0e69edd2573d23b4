"""The languages of recipients, in which lazy texts are resolved (the setting RECIPIENT_LANGUAGE)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.module_loading import import_string

from live_inbox.conf import inbox_settings
from live_inbox.content import Content, clean_content
from live_inbox.errors import InvalidInput
from live_inbox.plain_values import is_lazy
from live_inbox.services.known_types import check_known
from live_inbox.services.users import load_by_key

LanguageOf = Callable[[Any], str | None]
"""Returns the language code of a user; None or "" for the active language."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a bulk send sends, by recipient: one content, or one for each language among them."""

    by_language: Mapping[str | None, Content]
    languages: Mapping[Any, str | None]
    """The languages of the recipients, where there are several contents."""

    def of(self, recipient_id: Any) -> Content:
        """Return what a recipient gets."""
        return self.by_language[self.languages.get(recipient_id)]

    def grouped(self, recipient_ids: Sequence[Any]) -> list[tuple[Content, Sequence[Any]]]:
        """Return each content with those of the recipients who get it."""
        if len(self.by_language) == 1:
            return [(content, recipient_ids) for content in self.by_language.values()]
        groups: dict[str | None, list[Any]] = defaultdict(list)
        for recipient_id in recipient_ids:
            groups[self.languages.get(recipient_id)].append(recipient_id)
        return [(self.by_language[language], ids) for language, ids in groups.items()]


def content_for(recipient_id: Any, *, fields: Mapping[str, Any]) -> Content:
    """Return the validated content in the language of its recipient, perhaps expired.

    Makes a query only if the language matters.
    """
    language_of = _language_function(fields)
    if language_of is None:
        return _cleaned(fields)
    user = load_by_key([recipient_id]).get(recipient_id)
    return _content_in(None if user is None else language_of(user), fields)


def is_in_any_language(content: Content, fields: Mapping[str, Any]) -> bool:
    """Whether the fields have this content in any of the project's languages, if the language matters."""
    if _language_function(fields) is None:
        return False
    return any(_content_in(code, fields) == content for code, _ in settings.LANGUAGES)


def contents_for(recipient_ids: Sequence[Any], *, fields: Mapping[str, Any]) -> Contents:
    """Return the validated contents for many recipients, perhaps expired.

    Reads their users only if their languages matter.
    """
    language_of = _language_function(fields)
    if language_of is None:
        return Contents({None: _cleaned(fields)}, {})
    users = load_by_key(recipient_ids)
    languages = {key: language_of(user) or None for key, user in users.items()}
    contents = {language: _content_in(language, fields) for language in {*languages.values(), None}}
    if len({content.type for content in contents.values()}) > 1:
        raise InvalidInput("type must be the same in every language.", field="type")
    return Contents(contents, languages)


def _language_function(fields: Mapping[str, Any]) -> LanguageOf | None:
    """Return the function of the setting; None if the language does not matter for these fields."""
    path = inbox_settings().recipient_language
    if not path or not settings.USE_I18N or not is_lazy(dict(fields)):
        return None
    function: LanguageOf = import_string(path)
    return function


def _cleaned(fields: Mapping[str, Any]) -> Content:
    content = clean_content(now=None, **fields)
    check_known(content.type)
    return content


def _content_in(language: str | None, fields: Mapping[str, Any]) -> Content:
    if not language:
        return _cleaned(fields)
    with translation.override(language):
        return _cleaned(fields)
