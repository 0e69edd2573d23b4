"""Every attack in docs/security.md has a test that exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "docs" / "security.md"
HEADING = "| attacker | attack | what stops it | test |"

pytestmark = pytest.mark.stack("embedded")


def attacks() -> Iterator[list[str]]:
    """Yield the cells of each row of the tables of attacks."""
    is_attack = False
    for line in PAGE.read_text().splitlines():
        is_attack = line == HEADING or (is_attack and line.startswith("|"))
        if is_attack and line != HEADING and not line.startswith("|---"):
            yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def named_tests(cell: str) -> Iterator[tuple[str, str]]:
    """Yield the file and the name of each test; a name alone is of the file before, a file alone has an empty name."""
    file = ""
    for given, name in re.findall(r"`([^`:]*)((?:::\w+)*)`", cell):
        file = given or file
        yield file, name


@cache
def names_in(file: str) -> frozenset[str]:
    """Return the tests of a file, as pytest names them: "::test_it", "::TestThese", "::TestThese::test_it"."""
    path = REPOSITORY / file
    return (
        frozenset(_names(ast.parse(path.read_text()).body, "")) if path.is_file() else frozenset()
    )


def _names(body: list[ast.stmt], prefix: str) -> Iterator[str]:
    for each in body:
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if each.name.startswith(("test", "Test")):
                yield f"{prefix}::{each.name}"
            if isinstance(each, ast.ClassDef):
                yield from _names(each.body, f"{prefix}::{each.name}")


def test_every_attack_names_tests_that_exist() -> None:
    rows = list(attacks())
    assert len(rows) > 50
    for row in rows:
        assert len(row) == 4, row
        found = list(named_tests(row[3]))
        assert found, row
        for file, name in found:
            names = names_in(file)
            assert names, f"{file}, of {row[:2]}, has no tests"
            assert not name or name in names, f"{file}{name}, of {row[:2]}, does not exist"


def test_a_test_that_is_renamed_is_noticed() -> None:
    (here,) = {
        file for file, _ in named_tests("`tests/test_threat_model.py::test_it`, `::test_that`")
    }
    assert "::test_every_attack_names_tests_that_exist" in names_in(here)
    assert "::test_it" not in names_in(here)
    assert names_in("tests/none.py") == frozenset()


@pytest.mark.parametrize("page", ["SECURITY.md", "docs/security.md"])
def test_links_lead_to_pages(page: str) -> None:
    path = REPOSITORY / page
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text())
    missing = [target for target in targets if not (path.parent / target).exists()]
    assert missing == []
