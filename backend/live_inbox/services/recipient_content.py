"""What each recipient of a send gets: the content in their language and their time zone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from live_inbox.content import Content
from live_inbox.errors import InvalidInput
from live_inbox.services.given_content import GivenContent
from live_inbox.services.users import each_user, load_by_key
from live_inbox.user_locale import ACTIVE, UserLocale, is_known, locale_of


@dataclass(frozen=True, slots=True)
class Contents:
    """What a bulk send sends: one content, or several among its recipients."""

    distinct: Sequence[Content]
    places: Mapping[Any, int]
    """The places of the recipients' contents, where they do not get the first one."""

    def grouped(self, recipient_ids: Sequence[Any]) -> list[tuple[Content, Sequence[Any]]]:
        """Return each content with those of the recipients who get it."""
        if len(self.distinct) == 1:
            return [(self.distinct[0], recipient_ids)]
        groups: dict[int, list[Any]] = defaultdict(list)
        for recipient_id in recipient_ids:
            groups[self.places.get(recipient_id, 0)].append(recipient_id)
        return [(self.distinct[place], ids) for place, ids in groups.items()]


def content_for(recipient_id: Any, given: GivenContent) -> Content:
    """Return the validated content for its recipient, perhaps expired.

    Makes a query only if the recipient's language or time zone matters.
    """
    if not _depends_on_recipient(given):
        return given.content()
    user = load_by_key([recipient_id]).get(recipient_id)
    with (ACTIVE if user is None else locale_of(user)).active():
        return given.content()


def contents_for(recipient_ids: Sequence[Any], given: GivenContent) -> Contents:
    """Return the validated contents for many recipients, perhaps expired.

    Reads their users only if their languages or time zones matter. Recipients for whom it becomes the same have one
    content together, whatever their languages and time zones are.
    """
    first = given.content()
    if not _depends_on_recipient(given):
        return Contents([first], {})
    distinct, places = [first], {_bytes(first): 0}
    by_locale: dict[UserLocale, int] = {ACTIVE: 0}
    by_recipient: dict[Any, int] = {}
    for user in each_user(recipient_ids):
        locale = locale_of(user)
        if locale not in by_locale:
            with locale.active():
                content = given.content()
            if content.type != first.type:
                raise InvalidInput("type must be the same in every language.", field="type")
            place = by_locale[locale] = places.setdefault(_bytes(content), len(distinct))
            if place == len(distinct):
                distinct.append(content)
        if by_locale[locale]:
            by_recipient[user.pk] = by_locale[locale]
    return Contents(distinct, by_recipient)


def _depends_on_recipient(given: GivenContent) -> bool:
    return given.depends_on_recipient and is_known()


def _bytes(content: Content) -> bytes:
    return orjson.dumps(content.values(), option=orjson.OPT_SORT_KEYS)
