"""The types of notification that a project declares in the setting TYPES, or in its code. Other types may be sent, too.

The declaration is read and validated once, when it is first needed, and again when a test has overridden LIVE_INBOX.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.utils.functional import Promise
from django.utils.module_loading import import_string
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from live_inbox.conf import inbox_settings
from live_inbox.notification_channels import IN_APP, Text
from live_inbox.notification_types import is_type
from live_inbox.text_controls import fits_into_address

ICON_LENGTH = 500

Template = str | Promise | Mapping[str, str]
"""The text of a template: one for all languages, a lazy translation, or texts by the codes of languages."""


def _icon(value: str) -> str:
    """Raise ValueError for what is neither the short name of an icon nor an https address."""
    if is_type(value) or not value:
        return value
    try:
        address = urlsplit(value)
        is_address = address.scheme.lower() == "https" and bool(address.hostname)
    except ValueError:
        is_address = False
    if not is_address or not fits_into_address(value) or len(value) > ICON_LENGTH:
        raise ValueError(f"it is a name, or an https address of up to {ICON_LENGTH} characters")
    return value


def _category(value: str) -> str:
    """Raise ValueError for what has not the form of a type."""
    if value and not is_type(value):
        raise ValueError("it has the form of a type, such as billing")
    return value


def _channels(value: object) -> object:
    """Return the channels of a list; those of `true` and `false`, too. Raises ValueError for others.

    `true` stands for the inbox alone: a type does not reach people by other channels because there are more of them.
    """
    if isinstance(value, bool):
        return {IN_APP} if value else set()
    known = inbox_settings().all_channels
    if not isinstance(value, list | tuple | set | frozenset):
        raise ValueError(
            f"it is true, false, or a list of channels, of which there are {', '.join(known)}"
        )
    for channel in value:
        if not isinstance(channel, str) or channel not in known:
            raise ValueError(
                f"there is no channel {channel!r}; CHANNELS and this app have {', '.join(known)}"
            )
    return value


def _template(value: object) -> object:
    """Return texts with the codes of languages as Django writes them; a single text as it is."""
    if value is None or (isinstance(value, str | Promise) and value):
        return value
    is_by_language = isinstance(value, Mapping) and all(
        isinstance(part, str) and part for item in value.items() for part in item
    )
    if not is_by_language or not value:
        raise ValueError("it is a text, a lazy translation, or an object of texts by language")
    texts: Any = value
    return {code.lower().replace("_", "-"): text for code, text in texts.items()}


Channels = Annotated[frozenset[str], BeforeValidator(_channels)]


class NotificationType(BaseModel):
    """What is declared about a type. Its slug is the key in TYPES."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: Text = Field("", description="Name that users see; may be lazily translated.")
    description: Text = Field("", description="What it is about, for the page of preferences.")
    category: Annotated[str, AfterValidator(_category)] = Field(
        "", description="Slug under which clients show it with others."
    )
    icon: Annotated[str, AfterValidator(_icon)] = Field(
        "", description="Name of an icon that clients know, or the https address of a picture."
    )
    default: Channels = Field(
        frozenset({IN_APP}), description="Channels that are on for those who have chosen nothing."
    )
    required: Channels = Field(
        frozenset(), description="Channels on which users cannot turn it off."
    )
    title: Annotated[Any, AfterValidator(_template)] = Field(
        None, description="Django template of the title, for sends without one."
    )
    message: Annotated[Any, AfterValidator(_template)] = Field(
        None, description="Django template of the message, for sends without one."
    )
    format: Literal["plain", "markdown"] | None = Field(
        None, description="What its messages are written in, unless a send says otherwise."
    )
    retention_days: float | None = Field(
        None, gt=0, le=36_500, description="Days after which it is deleted; not set: never."
    )

    @field_validator("retention_days", mode="before")
    @classmethod
    def _is_number(cls, value: object) -> object:
        if isinstance(value, bool):
            raise ValueError("it is a number of days")
        return value

    @model_validator(mode="after")
    def _required_is_default(self) -> NotificationType:
        if "default" in self.model_fields_set and not self.required <= self.default:
            raise ValueError("default: what is required cannot be off")
        return self

    @property
    def is_required(self) -> bool:
        """Whether users cannot turn it off in their inbox."""
        return self.is_required_by(IN_APP)

    @property
    def is_on(self) -> bool:
        """Whether it reaches the inboxes of those who have chosen nothing."""
        return self.is_on_by(IN_APP)

    def is_required_by(self, channel: str) -> bool:
        """Whether users cannot turn it off on a channel."""
        return channel in self.required

    def is_on_by(self, channel: str) -> bool:
        """Whether it reaches those who have chosen nothing by a channel."""
        return channel in self.default or channel in self.required

    @property
    def templates(self) -> dict[str, Template]:
        """The templates, by the fields that they fill."""
        found = {"title": self.title, "message": self.message}
        return {name: template for name, template in found.items() if template is not None}


UNDECLARED = NotificationType()
"""What holds for a type that is not declared."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong in the declaration. `part` is `types` for the whole, `slug`, or the name of what is declared."""

    part: str
    message: str


class WrongTypes(ImproperlyConfigured):
    """Raised when the declaration of types has mistakes."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        texts = "; ".join(mistake.message for mistake in mistakes)
        super().__init__(f"Wrong settings in LIVE_INBOX: {texts}.")
        self.mistakes = mistakes


@lru_cache(maxsize=1)
def declared_types() -> Mapping[str, NotificationType]:
    """Return the declared types by their slugs, in the order of the declaration. Raises WrongTypes."""
    given = _given(inbox_settings().types)
    wrong = [
        Mistake("slug", f"TYPES: {slug!r} is not a type, such as billing.invoice")
        for slug in given
        if not (isinstance(slug, str) and is_type(slug))
    ]
    try:
        declared = _TYPES.validate_python({str(slug): value for slug, value in given.items()})
    except ValidationError as error:
        wrong += _mistakes(error)
    if wrong:
        raise WrongTypes(wrong)
    return declared


_TYPES = TypeAdapter(dict[str, NotificationType])


def declared_type(type: str) -> NotificationType:
    """Return what is declared about a type; UNDECLARED for others."""
    return declared_types().get(type, UNDECLARED)


def _given(types: Mapping[str, Any] | str) -> Mapping[Any, Any]:
    """Return the declaration, from the project's code if the setting is a dotted path."""
    if not isinstance(types, str):
        return types
    try:
        found = import_string(types)
        found = found() if callable(found) else found
    except Exception as error:  # the project's module may raise anything
        message = f"TYPES cannot be read from {types}: {error.__class__.__name__}: {error}"
        raise WrongTypes([Mistake("types", message)]) from error
    if not isinstance(found, Mapping):
        kind = found.__class__.__name__
        raise WrongTypes([Mistake("types", f"TYPES: {types} is a {kind}, and no mapping")])
    return found


def _mistakes(error: ValidationError) -> Iterator[Mistake]:
    for problem in error.errors():
        slug, *keys = map(str, problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        if not keys and message.startswith("default: "):
            keys, message = ["default"], message.removeprefix("default: ")
        if problem["type"] == "extra_forbidden":
            keys, message = ["unknown", *keys], f"{keys[0]} is not declared about a type"
            place = [slug]
        else:
            place = [slug, *keys]
        part = keys[0] if keys else "unknown"
        yield Mistake(part, f"{'.'.join(['TYPES', *place])}: {message}")


@receiver(setting_changed)
def _read_again(*, setting: str, **kwargs: Any) -> None:
    """Read the declaration again after a test has overridden it."""
    if setting == "LIVE_INBOX":
        declared_types.cache_clear()
