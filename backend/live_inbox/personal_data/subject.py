"""The user whom an export or an erasure is about: in the words of the GDPR, the data subject."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from django.contrib.auth import get_user_model

from live_inbox.plain_values import display_text
from live_inbox.services.users import user_key


@dataclass(frozen=True, slots=True)
class DataSubject:
    """A user, who may have been deleted already, and how stored content names them."""

    key: Any
    """The primary key."""
    text: str
    """The key as senders and actors have it."""
    model: str
    """The user model as targets have it, such as `auth.user`."""

    @classmethod
    def of(cls, user: Any) -> Self:
        """Return the subject for a user or a primary key. Raises InvalidInput for what is no key."""
        key = user_key(user, field="user")
        return cls(key, display_text(key), get_user_model()._meta.label_lower)

    def is_key(self, stored: object) -> bool:
        """Whether a key that is stored as JSON is theirs."""
        return stored is not None and str(stored) == self.text

    def without_mentions(self, parts: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parts of a notification that name the subject, with what is left of each; empty if none does.

        `parts` may have a `sender` with an `id`, an `actor`, a `target` and `group_actors`. A name alone, a text or the
        project's `data` does not say whose it is, so those are not parts.
        """
        left: dict[str, Any] = {}
        if self._is(parts.get("sender"), "id"):
            left["sender"] = None
        if self._is(parts.get("actor"), "user"):
            left["actor"] = None
        target = parts.get("target")
        if self._is(target, "id") and parts["target"].get("type") == self.model:
            left["target"] = None
        actors: Sequence[Any] = parts.get("group_actors") or ()
        others = [actor for actor in actors if not self._is(actor, "user")]
        if len(others) < len(actors):
            left["group_actors"] = others or None
        return left

    def _is(self, part: object, key: str) -> bool:
        return isinstance(part, Mapping) and self.is_key(part.get(key))
