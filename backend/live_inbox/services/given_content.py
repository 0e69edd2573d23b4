"""What a send was given, and the content that is made from it for a recipient.

Title and message may come from the templates of the type, and the expiry from its retention. Then calls that were given
the same make different contents: in another language, an hour later, after a change of a template. So a repeated send
is recognised by what it was given.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import Error
from django.template import TemplateSyntaxError
from django.utils import translation

from live_inbox import text_templates
from live_inbox.content import (
    CONTENT_FIELDS,
    Content,
    clean_content,
    clean_moment,
    clean_object,
    clean_type,
    moment_after,
)
from live_inbox.declared_types import (
    UNDECLARED,
    NotificationType,
    Template,
    declared_type,
    declared_types,
)
from live_inbox.errors import InvalidInput
from live_inbox.plain_values import is_lazy, object_of, plain_json
from live_inbox.services.given_references import with_references
from live_inbox.services.known_types import check_known

LONGEST_WAIT = timedelta(days=366)
"""How far ahead a send can be scheduled."""

_UNTITLED = "-"
"""In place of a title that was not given, where one is needed to validate the rest."""


@dataclass(frozen=True, slots=True)
class GivenContent:
    """The fields of a send as they were given, with the context of the templates. `read_given` makes it."""

    fields: Mapping[str, Any]
    context: Mapping[str, Any] | None
    templates: Mapping[str, Template]
    """The templates of its type, by the fields that they fill. None of them for a call with a title and without a
    context: it is whole, and was perhaps written before the type had templates."""
    expires_at: datetime | None
    """When it expires, where the retention of its type says so, or the call named a time from now on."""
    format: str | None
    """What messages of its type are written in; None if that is not declared."""
    waits: Mapping[str, float] = field(default_factory=dict)
    """The times from now on that the call named, in seconds, by the fields for which they stand."""
    deliver_at: datetime | None = None
    """When it is to be delivered, in UTC; None for at once, also because that moment has come."""
    is_scheduled: bool = False
    """Whether the call named a moment of delivery, perhaps one that has come."""
    named_delivery: datetime | None = None
    """The moment of delivery that the call named, if it was no time from now on."""

    @property
    def rendered(self) -> tuple[str, ...]:
        """The fields that are made from templates."""
        return tuple(name for name in self.templates if self.fields.get(name) is None)

    @property
    def depends_on_recipient(self) -> bool:
        """Whether the active language and time zone may matter for the content."""
        return bool(self.rendered) or is_lazy(dict(self.fields))

    def content(self) -> Content:
        """Return the validated content in the active language and time zone, perhaps expired. Raises InvalidInput."""
        fields: Any = {**self.fields}
        for name in self.rendered:
            fields[name] = self._render(name)
        if fields.get("format") is None:
            fields["format"] = self.format
        if self.expires_at is not None:
            fields["expires_at"] = self.expires_at
        content = clean_content(now=None, **fields)
        check_known(content.type)
        return content

    def digest(self) -> str:
        """Return a digest of what was given: the same for a repeated call. Raises InvalidInput.

        Lazy texts count as what they are in the project's LANGUAGE_CODE.
        """
        fields: Any = {**self.fields}
        if "title" in self.rendered:
            fields["title"] = _UNTITLED
        with translation.override(settings.LANGUAGE_CODE):
            values = clean_content(now=None, **fields).values()
            context = plain_json(self.context, field="context")
        if values["actor"] is not None and "user" in values["actor"]:
            # A user may get another name until the call is repeated.
            values["actor"] = {**values["actor"], "name": ""}
        # Whether there is a template for them may change until the call is repeated.
        values |= {name: None for name in ("title", "message") if self._is_default(name)}
        # As it was before there were these, where they are not given.
        given = [values, context]
        if self.waits or self.named_delivery:
            given += [self.waits, self.named_delivery]
        document = orjson.dumps(given, option=orjson.OPT_SORT_KEYS)
        return hashlib.blake2b(document, digest_size=16).hexdigest()

    def _is_default(self, name: str) -> bool:
        value = self.fields.get(name)
        return value is None or (value == "" and name not in self.templates)

    def _render(self, name: str) -> str:
        try:
            return text_templates.render(self.templates[name], self.context or {})
        except text_templates.MissingName as error:
            raise InvalidInput(f"The context lacks a name: {error}.", field="context") from error
        except (TemplateSyntaxError, ImproperlyConfigured, Error):
            raise
        except Exception as error:  # what tags and filters raise for the values of the context
            reason = f"{type(error).__name__}: {error}"
            raise InvalidInput(f"{name} cannot be rendered: {reason}.", field="context") from error


def read_given(given: Mapping[str, Any], *, now: datetime) -> GivenContent:
    """Return the arguments of a send, from `now` on.

    Raises InvalidInput for a context, an actor or a target that is not acceptable.
    """
    return read_resolved(with_references(given), now=now)


def read_resolved(given: Mapping[str, Any], *, now: datetime) -> GivenContent:
    """Do the same for fields that were stored: their actor and their target are what `with_references` returns."""
    fields = {**given}
    context = _clean_context(fields.pop("context", None))
    deliver_at = fields.pop("deliver_at", None)
    declared = _declared(fields.get("type"))
    is_whole = fields.get("title") is not None and context is None
    if context and not declared.templates:
        raise InvalidInput(
            "Nothing is made from a context: the type has no templates.", field="context"
        )
    days = declared.retention_days
    delivery, named, waits = _delivery(deliver_at, now)
    is_later = delivery is not None and delivery > now
    expires_at = None
    # What expires after a time does so after it has been delivered.
    start = delivery if is_later and delivery is not None else now
    wait = fields.get("expires_at")
    if isinstance(wait, timedelta):
        expires_at = moment_after(start, wait, field="expires_at")
        # A repeated call names the same time, not the same moment.
        waits["expires_at"] = wait.total_seconds()
        fields["expires_at"] = None
    elif days is not None and wait is None:
        expires_at = start + timedelta(days=days)
    templates = {} if is_whole else declared.templates
    return GivenContent(
        fields,
        context,
        templates,
        expires_at,
        declared.format,
        waits,
        deliver_at=delivery if is_later else None,
        is_scheduled=delivery is not None,
        named_delivery=named,
    )


def _delivery(
    given: Any, now: datetime
) -> tuple[datetime | None, datetime | None, dict[str, float]]:
    """Return the moment of delivery, the same if the call named it, and else the time from now on. Raises InvalidInput.

    A moment that has come is no error: a call may be repeated after it.
    """
    if given is None:
        return None, None, {}
    if isinstance(given, timedelta):
        moment = moment_after(now, given, field="deliver_at")
        named, waits = None, {"deliver_at": given.total_seconds()}
    else:
        moment = named = clean_moment("deliver_at", given)
        waits = {}
    if moment - now > LONGEST_WAIT:
        raise InvalidInput(
            f"deliver_at must be at most {LONGEST_WAIT.days} days away.", field="deliver_at"
        )
    return moment, named, waits


def _declared(type: object) -> NotificationType:
    if not declared_types():
        return UNDECLARED
    return declared_type(clean_type(CONTENT_FIELDS["type"].default if type is None else type))


def _clean_context(given: object) -> dict[str, Any] | None:
    """Return the context with its values as they are: templates show moments and numbers as those.

    They are what JSON can carry: a repeated call is compared with the first.
    """
    if given is None:
        return None
    try:
        clean_object(given, field="context")
        return object_of(given, field="context")
    except (InvalidInput, ImproperlyConfigured, Error):
        raise
    except Exception as error:  # the function of a lazy text
        reason = f"{type(error).__name__}: {error}"
        raise InvalidInput(f"context cannot be read: {reason}.", field="context") from error
