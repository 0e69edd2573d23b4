"""The arguments that several commands take, checked before anything happens."""

from __future__ import annotations

import json
import math
from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from live_inbox import database
from live_inbox.errors import InvalidInput
from live_inbox.personal_data.subject import DataSubject


def whole_number(*, least: int, most: int | None = None) -> Callable[[str], int]:
    """Return a parser of whole numbers within these bounds."""
    bounds = f"of at least {least}" if most is None else f"from {least} to {most}"

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least or (most is not None and number > most):
            raise ArgumentTypeError(f"must be a whole number {bounds}, not {text!r}.")
        return number

    return parse


def positive_number(text: str) -> float:
    """Parse a number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number < math.inf:
        raise ArgumentTypeError(f"must be a number above 0, not {text!r}.")
    return number


def json_object(text: str) -> dict[str, Any]:
    """Parse a JSON object."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ArgumentTypeError("""must be a JSON object, such as '{"order": 7}'.""")
    return value


def find_user(name_or_id: str | int) -> AbstractBaseUser:
    """Return the user with this primary key or, if there is none, with this username.

    The key comes first, so that a user who takes the number of another one as username gains nothing.
    """
    model = get_user_model()
    users = database.queryset(model)
    text = str(name_or_id)
    try:
        user = users.filter(pk=model._meta.pk.to_python(text)).first()
    except (ValidationError, OverflowError):
        user = None
    user = user or users.filter(**{model.USERNAME_FIELD: text}).first()
    if user is None:
        raise CommandError(f"There is no user with the id or name {text!r}.")
    return user


def add_subject(parser: CommandParser) -> None:
    """Declare the user whom a command about personal data concerns, for `find_subject`."""
    parser.add_argument("user", metavar="NAME_OR_ID", help="Whom it is about.")
    parser.add_argument(
        "--deleted",
        action="store_true",
        help="The account has been deleted: NAME_OR_ID is the id that it had, and what others still have is found.",
    )


def find_subject(name_or_id: str, *, is_deleted: bool) -> tuple[DataSubject, str]:
    """Return the data subject that `find_user` finds, and how to call them; without an account, by the id alone."""
    if not is_deleted:
        user = find_user(name_or_id)
        return DataSubject.of(user), f"{user.get_username()} (user {user.pk})"
    try:
        subject = DataSubject.of(name_or_id)
    except InvalidInput as error:
        raise CommandError(f"{name_or_id!r} is not the id of a user.") from error
    if database.queryset(get_user_model()).filter(pk=subject.key).exists():
        raise CommandError(f"User {subject.text} has an account: leave --deleted out.")
    return subject, f"user {subject.text}, whose account has been deleted"
