"""The planted bugs fit the present code, and the runner tells a bug that is caught from one that is not."""

from __future__ import annotations

import ast
import sys
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.planted import __main__ as command
from tests.planted.bugs import BUGS
from tests.planted.checkout_copy import REPOSITORY, CheckoutCopy
from tests.planted.planted_bug import PlantedBug, Stale
from tests.planted.proving import NotProvable, prove

pytestmark = pytest.mark.stack("embedded")

CAUGHT = PlantedBug(
    name="caught",
    breaks="Every position but the origin is the origin.",
    file="backend/live_inbox/delivery/position.py",
    original="return not self.epoch",
    replacement="return bool(self.epoch)",
    caught_by=("tests/delivery/test_position.py::test_the_origin_belongs_to_no_epoch",),
)
MISSED = replace(CAUGHT, name="missed", breaks="Nothing.", replacement="return (not self.epoch)")
ENDLESS = replace(
    CAUGHT, name="endless", replacement='return bool(__import__("threading").Event().wait())'
)


def test_the_planted_bugs_fit_the_code(tmp_path: Path) -> None:
    stale: list[str] = []
    for bug in BUGS:
        copy = tmp_path / bug.file
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text((REPOSITORY / bug.file).read_text())
        try:
            bug.plant(tmp_path)
        except Stale as error:
            stale.append(str(error))
    assert stale == []


def test_the_tests_that_have_to_catch_a_bug_exist() -> None:
    assert all(bug.caught_by for bug in BUGS)
    missing: list[str] = []
    for test in {test for bug in BUGS for test in bug.caught_by}:
        path, _, name = test.partition("::")
        if name not in names_in(path):
            missing.append(test)
    assert missing == []


@cache
def names_in(path: str) -> set[str]:
    """Return the names of a file's tests, as pytest names them."""
    found = set[str]()
    for node in ast.parse((REPOSITORY / path).read_text()).body:
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{name}" for name in _functions(node.body)}
    return found | set(_functions(ast.parse((REPOSITORY / path).read_text()).body))


def _functions(body: list[ast.stmt]) -> list[str]:
    return [node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_each_bug_has_a_name_of_its_own() -> None:
    assert Counter(bug.name for bug in BUGS).most_common(1)[0][1] == 1


def test_a_bug_is_caught_or_missed() -> None:
    lines: list[str] = []
    caught, missed = prove([CAUGHT, MISSED], report=lines.append)
    assert (caught.caught_by, caught.missed) == (CAUGHT.caught_by[0], "")
    assert (missed.caught_by, missed.missed) == ("", "all tests pass")
    assert [line.split()[0] for line in lines] == ["passed", "caught", "MISSED"]
    assert MISSED.breaks in lines[-1]


def test_a_bug_that_is_not_noticed_in_time_is_missed() -> None:
    with TemporaryDirectory() as directory:
        copy = CheckoutCopy(Path(directory))
        with copy.planted(ENDLESS):
            run = copy.run("embedded", ENDLESS.caught_by, limit_seconds=0.5)
        assert run.status is None
        assert (copy.directory / ENDLESS.file).read_text().count(ENDLESS.original) == 1


def test_tests_that_fail_without_a_bug_prove_nothing() -> None:
    broken = replace(CAUGHT, caught_by=("tests/delivery/test_position.py::test_that_is_not",))
    with pytest.raises(NotProvable, match="do not pass"):
        prove([broken], report=lambda line: None)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"original": "what is not there"}, "0 times"),
        ({"original": "sequence"}, "times, not once"),
        ({"replacement": CAUGHT.original}, "is the original"),
        ({"replacement": "return ("}, "no Python"),
        ({"file": "backend/live_inbox/no_such_file.py"}, "no file"),
    ],
)
def test_a_bug_that_does_not_fit_is_reported(changes: dict[str, str], why: str) -> None:
    with pytest.raises(Stale, match=f"caught: .*{why}"):
        replace(CAUGHT, **changes).plant(REPOSITORY)  # type: ignore[arg-type]


def test_a_name_that_is_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["prove", "no-such-bug"])
    assert command.main() == 2
    assert "no-such-bug" in capsys.readouterr().err


def test_the_list_says_what_is_planted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["prove", "--list"])
    assert command.main() == 0
    assert capsys.readouterr().out.count("\n") == len(BUGS)
