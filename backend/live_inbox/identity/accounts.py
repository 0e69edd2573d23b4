"""Finds the user account that a verified token names. Synchronous: one query, or a few for many tokens.

With `create_users`, the first valid token of an unknown user also creates the account.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.hashers import make_password
from django.core.exceptions import FieldDoesNotExist, ObjectDoesNotExist
from django.db import IntegrityError, models

from live_inbox import database
from live_inbox.identity.admissions import AccountStatus
from live_inbox.identity.errors import AuthenticationFailed, InvalidIdentityConfig, Reason
from live_inbox.identity.tokens import VerifiedToken
from live_inbox.identity.user_lookup import users_by, value_of

# SQLite accepts at most 32,766 parameters in one statement.
_STATUSES_PER_QUERY = 10_000
_NAMES_PER_QUERY = 1_000


@dataclass(frozen=True, slots=True)
class AccountConfig:
    """The user field that tokens refer to, and whether an unknown user is created."""

    user_field: str = "pk"
    create_users: bool = False


AccountResult = AbstractBaseUser | Reason
"""The user that a token names, or the reason why the token is refused."""


def account_for(token: VerifiedToken, config: AccountConfig) -> AbstractBaseUser:
    """Return the active user that the token names; raise AuthenticationFailed if there is none.

    After a user's tokens have been revoked, a token without `iat` is refused.
    """
    (result,) = accounts_for([token], config)
    if result is Reason.UNKNOWN_USER and config.create_users:
        result = account_result(token, _create(token.user_ref, config))
    if isinstance(result, Reason):
        raise AuthenticationFailed(result)
    return result


@database.reading
def accounts_for(tokens: Sequence[VerifiedToken], config: AccountConfig) -> list[AccountResult]:
    """Return for each token, in order, the active user that it names, or the reason for a refusal.

    One query serves all tokens; pass a few hundred at most. Creates no users. Tokens of one user share one
    user object.
    """
    users = users_by(field_of(config), {token.user_ref for token in tokens})
    return [account_result(token, users.get(token.user_ref)) for token in tokens]


def users_named(
    user_refs: Collection[str], config: AccountConfig, *, create: bool
) -> dict[str, AbstractBaseUser]:
    """Return the users that tokens name so, by that name; unknown ones are absent.

    With `create`, creates them where the configuration lets tokens do so. Makes one query for each thousand, and some
    for each user that is created.
    """
    refs = list(dict.fromkeys(user_refs))
    found: dict[str, AbstractBaseUser] = {}
    for start in range(0, len(refs), _NAMES_PER_QUERY):
        found |= _named(refs[start : start + _NAMES_PER_QUERY], config)
    if create and config.create_users:
        for ref in refs:
            if ref not in found and (user := _create(ref, config)) is not None:
                found[ref] = user
    return found


@database.reading
def _named(user_refs: Sequence[str], config: AccountConfig) -> dict[str, AbstractBaseUser]:
    return users_by(field_of(config), user_refs)


@database.reading
def account_statuses(user_ids: Collection[str]) -> dict[str, AccountStatus]:
    """Return the current status of each of these users by primary key; deleted users are absent."""
    ids = list(user_ids)
    found: dict[str, AccountStatus] = {}
    for start in range(0, len(ids), _STATUSES_PER_QUERY):
        found.update(_read_statuses(ids[start : start + _STATUSES_PER_QUERY]))
    return found


def is_session_revoked(user: AbstractBaseUser, signed_in_at: float | None) -> bool:
    """Whether the sessions that the user began at that moment (unix seconds) were revoked since.

    One that began at an unknown moment counts as revoked after any revocation. Makes a query, unless the user's
    revocation is loaded.
    """
    not_before = _not_before(user)
    return not_before is not None and (signed_in_at is None or signed_in_at < not_before)


def active_users() -> models.QuerySet[AbstractBaseUser]:
    """Return the users who may sign in."""
    users = database.queryset(get_user_model())
    return users.filter(is_active=True) if _has_column("is_active") else users


def check_account_config(config: AccountConfig) -> None:
    """Raise InvalidIdentityConfig if the configuration does not fit the user model."""
    try:
        field = field_of(config)
    except FieldDoesNotExist as error:
        raise InvalidIdentityConfig(
            f"JWT_USER_FIELD: the user model has no field {config.user_field!r}."
        ) from error
    if config.create_users and isinstance(field, models.AutoField):
        # A row with a number from elsewhere collides with the numbers that the database generates.
        raise InvalidIdentityConfig(
            "JWT_CREATE_USERS needs a JWT_USER_FIELD that the database does not number, "
            "for example `username`."
        )
    if config.create_users and not field.unique:
        raise InvalidIdentityConfig(
            f"JWT_CREATE_USERS needs a unique JWT_USER_FIELD, and {config.user_field!r} is not."
        )


def field_of(config: AccountConfig) -> models.Field[Any, Any]:
    """Return the field of the user model that tokens name users by. Raises FieldDoesNotExist."""
    options = get_user_model()._meta
    field = options.pk if config.user_field == "pk" else options.get_field(config.user_field)
    if not isinstance(field, models.Field):
        raise FieldDoesNotExist(config.user_field)
    return field


Account = TypeVar("Account", bound=Any)


def account_result(token: VerifiedToken, user: Account | None) -> Account | Reason:
    """Return the user whom a token names, or the reason why it is refused.

    Of the user, `is_active` is read, and `live_inbox_token_revocation`.
    """
    if user is None:
        return Reason.UNKNOWN_USER
    if not user.is_active:
        return Reason.INACTIVE
    not_before = _not_before(user)
    if not_before is not None and (token.issued_at is None or token.issued_at < not_before):
        return Reason.REVOKED
    if token.token_id is not None and token.token_id in _revoked_ids(user):
        return Reason.REVOKED
    return user


def _create(user_ref: str, config: AccountConfig) -> AbstractBaseUser | None:
    """Return the new user; concurrent first requests create one row. None if the reference does not fit."""
    check_account_config(config)
    model = get_user_model()
    field = field_of(config)
    names = {field.name, model.USERNAME_FIELD}
    if any(len(user_ref) > _max_length(model._meta.get_field(name)) for name in names):
        return None
    defaults = {model.USERNAME_FIELD: user_ref}
    if _has_column("password"):
        defaults["password"] = make_password(None)
    defaults.pop(field.name, None)
    value = value_of(field, user_ref)
    if value is None:
        return None
    try:
        return _get_or_create({field.name: value}, defaults)
    except IntegrityError:
        # Another user has this username; or a concurrent call has created the user, and the isolation of the
        # database hides that from this transaction.
        return users_by(field, [user_ref]).get(user_ref)


@database.transactional
def _get_or_create(lookup: dict[str, Any], defaults: dict[str, Any]) -> AbstractBaseUser:
    # By the model's own manager, which a project may have taught to create users.
    users = get_user_model()._default_manager.db_manager(database.alias())
    user, _ = users.get_or_create(**lookup, defaults=defaults)
    return (
        database.queryset(type(user)).select_related("live_inbox_token_revocation").get(pk=user.pk)
    )


def _max_length(field: object) -> float:
    # Only of text: the length of a UUID's column is without dashes.
    limit = field.max_length if isinstance(field, models.CharField) else None
    return limit or float("inf")


def _not_before(user: Any) -> float | None:
    revocation = _revocation(user)
    if revocation is None or revocation.not_before is None:
        return None
    return float(revocation.not_before.timestamp())


def _revoked_ids(user: Any) -> Collection[str]:
    revocation = _revocation(user)
    return () if revocation is None else revocation.token_ids


def _revocation(user: Any) -> Any:
    try:
        return user.live_inbox_token_revocation
    except ObjectDoesNotExist:
        return None


def _has_column(name: str) -> bool:
    """Whether users have a field of this name. Users without `is_active` are always active."""
    return any(field.name == name for field in get_user_model()._meta.concrete_fields)


def _read_statuses(user_ids: list[str]) -> dict[str, AccountStatus]:
    model = get_user_model()
    columns = [name for name in ("is_active", "password") if _has_column(name)]
    rows = (
        database.queryset(model)
        .filter(pk__in=user_ids)
        .values_list(
            "pk",
            "live_inbox_token_revocation__not_before",
            "live_inbox_token_revocation__token_ids",
            *columns,
        )
    )
    found = {}
    for pk, not_before, token_ids, *values in rows:
        status = dict(zip(columns, values, strict=True))
        found[str(pk)] = AccountStatus(
            active=status.get("is_active", True),
            not_before=not_before and not_before.timestamp(),
            password=status.get("password", ""),
            token_ids=frozenset(token_ids or ()),
        )
    return found
