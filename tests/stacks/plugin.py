"""Starts the servers before anything reads Django's settings. Loaded by `-p tests.stacks.plugin` in pyproject.toml."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator
from typing import get_args

import pytest

from tests.stacks.file_times import FileTimes
from tests.stacks.stack import Stack, StackName

STACK = pytest.StashKey[Stack]()

FIXTURES_OF_STACK = frozenset({"db", "transactional_db", "stack", "start_server"})
"""A test that has one of these fixtures, or the mark `django_db`, has a database, a Redis or a server of the stack."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--stack` and `--costly-files`."""
    parser.addoption(
        "--stack",
        choices=get_args(StackName),
        default="embedded",
        help="what to run on: embedded (SQLite, no servers) or production (PostgreSQL and Redis)",
    )
    parser.addoption(
        "--costly-files",
        type=int,
        default=0,
        metavar="N",
        help="list the N test files that have cost the most processor time",
    )


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, object, object]:
    """Put the stack's addresses into the environment: pytest-django loads the settings in this same hook."""
    stack = Stack.start(early_config.known_args_namespace.stack)
    early_config.add_cleanup(stack.close)
    early_config.stash[STACK] = stack
    stack.apply(os.environ)
    return (yield)


def pytest_configure(config: pytest.Config) -> None:
    """Explain the marker, and measure files if that is asked for."""
    config.addinivalue_line(
        "markers",
        "stack(name): the test runs on this stack only. What asks for neither a database nor a server runs on "
        "embedded only, so as not to run twice.",
    )
    if listed := config.getoption("costly_files"):
        config.pluginmanager.register(FileTimes(listed))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without the garbage collector, and keep it from what was collected.

    Ten thousand tests and the modules that they import are half a million objects, which stay to the end.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that are for the other stack."""
    name = config.stash[STACK].name
    left_out = {item for item in items if only_stack(item) not in (None, name)}
    config.hook.pytest_deselected(items=list(left_out))
    items[:] = [item for item in items if item not in left_out]


def only_stack(item: pytest.Item) -> str | None:
    """Return the stack that a test is for; None for both."""
    marker = item.get_closest_marker("stack")
    if marker is None:
        return None if _depends_on_stack(item) else "embedded"
    (name,) = marker.args
    if name not in get_args(StackName):
        raise pytest.UsageError(f"{item.nodeid} is marked for an unknown stack: {name!r}.")
    return str(name)


def _depends_on_stack(item: pytest.Item) -> bool:
    # Imported here: the settings must not be read before the stack has started.
    from django.test import TransactionTestCase

    if item.get_closest_marker("django_db") is not None:
        return True
    cls = getattr(item, "cls", None)
    is_test_case = cls is not None and issubclass(cls, TransactionTestCase)
    return is_test_case or not FIXTURES_OF_STACK.isdisjoint(getattr(item, "fixturenames", ()))


def pytest_report_header(config: pytest.Config) -> str:
    """Say what the tests run on."""
    return f"stack: {config.stash[STACK].name}"
