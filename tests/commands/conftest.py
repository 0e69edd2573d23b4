"""Commands are run as the command line runs them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.contrib.auth.models import User
from django.core.management import get_commands, load_command_class


@dataclass(frozen=True)
class Result:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def run(transactional_db: None, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command: `run("issue_token", "--user", "alice")`. It commits, and closes its connections."""

    def run(name: str, *arguments: object) -> Result:
        command = load_command_class(get_commands()[name], name)
        capsys.readouterr()
        code: object = 0
        try:
            command.run_from_argv(["manage.py", name, *map(str, arguments)])
        except SystemExit as ended:
            code = ended.code
        assert isinstance(code, int)
        said = capsys.readouterr()
        return Result(code, said.out, said.err)

    return run


@pytest.fixture
def alice(transactional_db: None) -> User:
    return User.objects.create_user("alice")


@pytest.fixture
def bob(transactional_db: None) -> User:
    return User.objects.create_user("bob")
