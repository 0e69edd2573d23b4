"""Passes on one stack and fails on the other."""

from __future__ import annotations

from tests.stacks.stack import Stack


def test_embedded(stack: Stack) -> None:
    assert stack.name == "embedded"
