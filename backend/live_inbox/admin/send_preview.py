"""What the recipients of the send form will see, in each language, and how many they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils import translation

from live_inbox.admin.sending import AUDIENCES, SendForm
from live_inbox.clock import clock
from live_inbox.content import Content
from live_inbox.errors import InvalidInput
from live_inbox.services.given_content import GivenContent, read_given
from live_inbox.user_locale import is_known

MAX_LANGUAGES_NAMED = 4
"""Languages that the label of a card names. More have a number."""


@dataclass(frozen=True, slots=True)
class Card:
    """A notification as recipients see it. `languages` says which of them; empty where all see the same."""

    type: str
    title: str
    message: str
    link: str
    languages: str = ""

    def values(self) -> dict[str, str]:
        """Return the texts by their names, as JSON."""
        return {name: getattr(self, name) for name in Card.__slots__}


def cards(form: SendForm) -> list[Card]:
    """Return what recipients see of a form whose content is valid: one card, or one for each language that differs.

    Raises InvalidInput for content that the services refuse.
    """
    given = read_given(form.content(), now=clock.now())
    found: dict[tuple[str, str, str], list[str]] = {}
    content: Content | None = None
    for language, content in _contents(given):
        found.setdefault((content.title, content.message, content.link), []).append(language)
    assert content is not None
    is_one = len(found) == 1
    return [
        Card(content.type, *texts, languages="" if is_one else _label(languages))
        for texts, languages in found.items()
    ]


def preview(form: SendForm) -> dict[str, Any]:
    """Return the preview of a submitted form as JSON: its cards and its number of recipients, or what is wrong.

    Fields that are not filled in yet are no errors: the number is null, or there are no cards.
    """
    form.full_clean()
    result: dict[str, Any] = {"cards": [], "count": None, "error": None}
    if not form.errors.keys() & set(AUDIENCES) and "recipients" not in form.errors:
        result["count"] = form.count()
    if form.cleaned_data.get("title") or "title" not in form.errors:
        try:
            result["cards"] = [card.values() for card in cards(form)]
        except InvalidInput as error:
            result["error"] = error.message
    return result


def _contents(given: GivenContent) -> Iterator[tuple[str, Content]]:
    """Yield the content in each language that a recipient may have; in the active one, if theirs are not known."""
    if not (given.depends_on_recipient and is_known()):
        yield "", given.content()
        return
    for language, _ in settings.LANGUAGES:
        with translation.override(language):
            yield language, given.content()


def _label(languages: list[str]) -> str:
    names = dict(settings.LANGUAGES)
    shown = [str(names[language]) for language in languages[:MAX_LANGUAGES_NAMED]]
    more = len(languages) - len(shown)
    return ", ".join([*shown, *([f"{more} more"] if more else [])])
