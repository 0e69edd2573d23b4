"""The user behind a token. Synchronous: one query, and a write on first sight if allowed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.hashers import make_password
from django.core.exceptions import FieldDoesNotExist, ObjectDoesNotExist, ValidationError
from django.db import IntegrityError, models

from backend.identity.errors import AuthenticationFailed, InvalidTokenRules, Reason
from backend.identity.sessions import Standing
from backend.identity.tokens import VerifiedToken

# Below the 32,766 parameters that SQLite takes in one statement.
_STANDINGS_PER_QUERY = 10_000


@dataclass(frozen=True, slots=True)
class AccountRules:
    """How a token's user is found, and whether an unknown one is created."""

    user_field: str = "pk"
    create_users: bool = False


def account_for(token: VerifiedToken, rules: AccountRules) -> AbstractBaseUser:
    """Return the active user that the token names, or raise AuthenticationFailed.

    A token that does not say when it was issued is refused once the user's tokens have been
    revoked.
    """
    user = _find(token.user_ref, rules)
    if user is None and rules.create_users:
        user = _create(token.user_ref, rules)
    if user is None:
        raise AuthenticationFailed(Reason.UNKNOWN_USER)
    if not user.is_active:
        raise AuthenticationFailed(Reason.INACTIVE)
    not_before = _not_before(user)
    if not_before is not None and (token.issued_at is None or token.issued_at < not_before):
        raise AuthenticationFailed(Reason.REVOKED)
    return user


def standings(user_ids: Collection[str]) -> dict[str, Standing]:
    """Return how each of these users stands now; who was deleted is absent."""
    ids = list(user_ids)
    found: dict[str, Standing] = {}
    for start in range(0, len(ids), _STANDINGS_PER_QUERY):
        found.update(_standings(ids[start : start + _STANDINGS_PER_QUERY]))
    return found


def check_account_rules(rules: AccountRules) -> None:
    """Raise InvalidTokenRules if these rules cannot work with the user model."""
    try:
        field = _field(rules)
    except FieldDoesNotExist as error:
        raise InvalidTokenRules(
            f"JWT_USER_FIELD: the user model has no field {rules.user_field!r}."
        ) from error
    if rules.create_users and isinstance(field, models.AutoField):
        # A row with a number from elsewhere collides with the numbers that the database gives out.
        raise InvalidTokenRules(
            "JWT_CREATE_USERS needs a JWT_USER_FIELD that the database does not number, "
            "for example `username`."
        )
    if rules.create_users and not field.unique:
        raise InvalidTokenRules(
            f"JWT_CREATE_USERS needs a unique JWT_USER_FIELD, and {rules.user_field!r} is not."
        )


def _field(rules: AccountRules) -> models.Field[Any, Any]:
    options = get_user_model()._meta
    field = options.pk if rules.user_field == "pk" else options.get_field(rules.user_field)
    if not isinstance(field, models.Field):
        raise FieldDoesNotExist(rules.user_field)
    return field


def _find(user_ref: str, rules: AccountRules) -> AbstractBaseUser | None:
    field = _field(rules)
    try:
        value = field.to_python(user_ref)
    except ValidationError:
        return None
    matches = get_user_model()._default_manager.select_related("token_revocation")
    # Two users with one address, say: neither of them is known to be the right one.
    users = list(matches.filter(**{field.name: value})[:2])
    return users[0] if len(users) == 1 else None


def _create(user_ref: str, rules: AccountRules) -> AbstractBaseUser | None:
    """Create the user, once, however many requests with the first token arrive together."""
    check_account_rules(rules)
    model = get_user_model()
    field = _field(rules)
    names = {field.name, model.USERNAME_FIELD}
    if any(len(user_ref) > _longest(model, name) for name in names):
        return None
    defaults = {model.USERNAME_FIELD: user_ref, "password": make_password(None)}
    defaults.pop(field.name, None)
    try:
        value = field.to_python(user_ref)
        user, _ = model._default_manager.get_or_create(**{field.name: value}, defaults=defaults)
    except (ValidationError, IntegrityError):
        return None  # not a value of that field, or the username belongs to somebody else
    return user


def _longest(model: type[AbstractBaseUser], name: str) -> float:
    return getattr(model._meta.get_field(name), "max_length", None) or float("inf")


def _not_before(user: AbstractBaseUser) -> float | None:
    try:
        revocation = user.token_revocation  # type: ignore[attr-defined]  # the reverse side of our model
    except ObjectDoesNotExist:
        return None
    return float(revocation.not_before.timestamp())


def _standings(user_ids: list[str]) -> dict[str, Standing]:
    model = get_user_model()
    # Not every user model has the column; without one, nobody is ever inactive.
    flags = [field.name for field in model._meta.concrete_fields if field.name == "is_active"]
    rows = model._default_manager.filter(pk__in=user_ids).values_list(
        "pk", "token_revocation__not_before", *flags
    )
    return {
        str(pk): Standing(active=all(active), not_before=not_before and not_before.timestamp())
        for pk, not_before, *active in rows
    }
