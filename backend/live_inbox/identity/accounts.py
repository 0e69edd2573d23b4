"""The users behind tokens. Synchronous: one query, and a write on first sight if allowed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.hashers import make_password
from django.core.exceptions import FieldDoesNotExist, ObjectDoesNotExist
from django.db import IntegrityError, models

from live_inbox.identity.errors import AuthenticationFailed, InvalidTokenRules, Reason
from live_inbox.identity.lookup import users_by, value_of
from live_inbox.identity.sessions import AccountStatus
from live_inbox.identity.tokens import VerifiedToken

# Below the 32,766 parameters that SQLite takes in one statement.
_STANDINGS_PER_QUERY = 10_000


@dataclass(frozen=True, slots=True)
class AccountRules:
    """How a token's user is found, and whether an unknown one is created."""

    user_field: str = "pk"
    create_users: bool = False


Verdict = AbstractBaseUser | Reason
"""The user of a token, or why it is refused."""


def account_for(token: VerifiedToken, rules: AccountRules) -> AbstractBaseUser:
    """Return the active user that the token names, or raise AuthenticationFailed.

    A token that does not say when it was issued is refused once the user's tokens have been
    revoked.
    """
    (verdict,) = verdicts([token], rules)
    if verdict is Reason.UNKNOWN_USER and rules.create_users:
        verdict = _verdict(token, _create(token.user_ref, rules))
    if isinstance(verdict, Reason):
        raise AuthenticationFailed(verdict)
    return verdict


def verdicts(tokens: Sequence[VerifiedToken], rules: AccountRules) -> list[Verdict]:
    """Return for each token, in order, the active user that it names, or why there is none.

    One query for all of them, some hundreds at most. Nobody is created. Tokens of one user share
    the object.
    """
    users = users_by(_field(rules), {token.user_ref for token in tokens})
    return [_verdict(token, users.get(token.user_ref)) for token in tokens]


def account_statuses(user_ids: Collection[str]) -> dict[str, AccountStatus]:
    """Return how each of these users stands now; who was deleted is absent."""
    ids = list(user_ids)
    found: dict[str, AccountStatus] = {}
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


def _verdict(token: VerifiedToken, user: AbstractBaseUser | None) -> Verdict:
    if user is None:
        return Reason.UNKNOWN_USER
    if not user.is_active:
        return Reason.INACTIVE
    not_before = _not_before(user)
    if not_before is not None and (token.issued_at is None or token.issued_at < not_before):
        return Reason.REVOKED
    return user


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
    value = value_of(field, user_ref)
    if value is None:
        return None
    try:
        user, _ = model._default_manager.get_or_create(**{field.name: value}, defaults=defaults)
    except IntegrityError:
        return None  # the username belongs to somebody else
    return user


def _longest(model: type[AbstractBaseUser], name: str) -> float:
    return getattr(model._meta.get_field(name), "max_length", None) or float("inf")


def _not_before(user: AbstractBaseUser) -> float | None:
    try:
        revocation = user.token_revocation  # type: ignore[attr-defined]  # the reverse side of our model
    except ObjectDoesNotExist:
        return None
    return float(revocation.not_before.timestamp())


def _standings(user_ids: list[str]) -> dict[str, AccountStatus]:
    model = get_user_model()
    # Not every user model has the column; without one, nobody is ever inactive.
    flags = [field.name for field in model._meta.concrete_fields if field.name == "is_active"]
    rows = model._default_manager.filter(pk__in=user_ids).values_list(
        "pk", "token_revocation__not_before", *flags
    )
    return {
        str(pk): AccountStatus(active=all(active), not_before=not_before and not_before.timestamp())
        for pk, not_before, *active in rows
    }
