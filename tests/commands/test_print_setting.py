"""manage.py print_setting: other programs get a setting as the site has it."""

from __future__ import annotations

import os

from tests.stacks.python_process import completed_python


def printed(name: str, **environment: str) -> tuple[int, str, str]:
    done = completed_python(
        "manage.py", "print_setting", name, environment=os.environ | environment
    )
    return done.returncode, done.stdout, done.stderr


def test_text_is_printed_as_it_is() -> None:
    url = "postgres://inbox:a;b$c@db.example.com/inbox?sslmode=verify-full&sslrootcert=/etc/ca.crt"
    assert printed("DATABASE_URL", DATABASE_URL=url) == (0, f"{url}\n", "")


def test_other_settings_are_printed_too() -> None:
    assert printed("ALLOWED_HOSTS", ALLOWED_HOSTS="a.example, b.example")[1] == (
        "a.example,b.example\n"
    )
    assert printed("BEHIND_PROXY", BEHIND_PROXY="1")[1] == "true\n"
    assert printed("RECONCILE_SECONDS", RECONCILE_SECONDS="0.5")[1] == "0.5\n"


def test_a_name_that_is_no_setting_is_an_error() -> None:
    assert printed("DATABASE") == (
        1,
        "",
        "CommandError: DATABASE is no setting: see docs/operating/configuration.md.\n",
    )
