"""Runs the checks of one project and prints their outcomes: `python -m tests.users.project NAME DIRECTORY`."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType

import django
from django.conf import settings

from tests.users.projects import settings_of


def main(name: str, directory: str) -> None:
    """Print a JSON object: for each check of the project, an empty text or its traceback."""
    settings.configure(**settings_of(name, Path(directory)))
    django.setup()
    from django.core.management import call_command

    logging.disable(logging.INFO)
    call_command("migrate", run_syncdb=True, verbosity=0)
    modules = [f"tests.users.checks_of_{name}"]
    if name != "rest":
        modules.append("tests.users.checks_of_all")
    checks = [check for module in modules for check in _checks_in(import_module(module))]
    print(json.dumps({check.__name__: _outcome(check) for check in checks}))


def _checks_in(module: ModuleType) -> list[FunctionType]:
    return [
        value
        for value in vars(module).values()
        if isinstance(value, FunctionType) and value.__module__ == module.__name__
        if value.__name__.startswith("check_")
    ]


def _outcome(check: FunctionType) -> str:
    try:
        check()
    except BaseException:  # the parent fails with it
        return traceback.format_exc()
    return ""


if __name__ == "__main__":
    main(*sys.argv[1:])
