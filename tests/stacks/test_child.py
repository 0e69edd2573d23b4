"""What tests may rely on in a process that they start."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.stacks.child import Child
from tests.stacks.process_registry import ProcessRegistry

pytestmark = pytest.mark.stack("embedded")


def test_a_process_is_not_ready_because_an_earlier_one_was(
    process_registry: ProcessRegistry, tmp_path: Path
) -> None:
    """Several processes may write to one log, one after the other; each has its own text."""

    def printing(text: str) -> Child:
        return Child(
            process_registry,
            [sys.executable, "-c", f"print({text!r})"],
            log=tmp_path / "log",
            environment={},
            directory=tmp_path,
        )

    first = printing("Ready: é")
    assert first.wait(seconds=30) == 0
    second = printing("Starting")
    assert second.wait(seconds=30) == 0
    assert second.text() == "Starting\n"
    assert second.tail() == "Starting"
    assert (tmp_path / "log").read_text() == "Ready: é\nStarting\n"
