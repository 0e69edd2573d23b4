"""What the arguments of commands may be."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.core.management.base import CommandError

from live_inbox.management.arguments import find_user, json_object, positive_number, whole_number


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (whole_number(least=1), "1", 1),
        (whole_number(least=1, most=5), "5", 5),
        (positive_number, "0.5", 0.5),
        (positive_number, "20", 20.0),
        (json_object, '{"a": [1]}', {"a": [1]}),
        (json_object, "{}", {}),
    ],
)
def test_good_values(parse: Callable[[str], object], text: str, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text", "message"),
    [
        (whole_number(least=1), "0", "must be a whole number of at least 1, not '0'."),
        (whole_number(least=1), "x", "must be a whole number of at least 1, not 'x'."),
        (whole_number(least=1, most=5), "6", "must be a whole number from 1 to 5, not '6'."),
        (positive_number, "0", "must be a number above 0, not '0'."),
        (positive_number, "inf", "must be a number above 0, not 'inf'."),
        (positive_number, "nan", "must be a number above 0, not 'nan'."),
        (positive_number, "", "must be a number above 0, not ''."),
        (json_object, "[1]", """must be a JSON object, such as '{"order": 7}'."""),
        (json_object, "{", """must be a JSON object, such as '{"order": 7}'."""),
    ],
)
def test_bad_values(parse: Callable[[str], object], text: str, message: str) -> None:
    with pytest.raises(ArgumentTypeError) as refused:
        parse(text)
    assert str(refused.value) == message


def test_users_are_found_by_key_and_by_name(db: None) -> None:
    alice = User.objects.create_user("alice")

    assert find_user(alice.pk) == find_user(str(alice.pk)) == find_user("alice") == alice


def test_the_key_comes_before_the_name(db: None) -> None:
    alice = User.objects.create_user("alice")
    mallory = User.objects.create_user(str(alice.pk))

    assert find_user(str(alice.pk)) == alice
    assert find_user(mallory.pk) == mallory


@pytest.mark.parametrize("text", ["nobody", "0", "-1", "99999999999999999999", "", "1.5"])
def test_a_user_who_is_not_there(db: None, text: str) -> None:
    with pytest.raises(CommandError) as refused:
        find_user(text)
    assert str(refused.value) == f"There is no user with the id or name {text!r}."
