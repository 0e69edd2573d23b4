"""Checks answers, at a price that a client with little time can pay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from benchmarks.http_messages import OK, Answer
from benchmarks.operations import Operation, Wrong

SHOWN_BYTES = 300


class Check:
    """Checks the answers to one operation: the first by its content, others as long as they are the same.

    `data` returns what GraphQL calls `data` out of the JSON of an answer, and raises Wrong if there are errors.
    """

    __slots__ = ("_data", "_operation", "_right")

    def __init__(self, data: Callable[[Any], Any], operation: Operation) -> None:
        self._data = data
        self._operation = operation
        self._right: bytes | None = None

    def __call__(self, answer: Answer) -> None:
        """Return if the answer is right. Raise Wrong, with its beginning, if it is not."""
        if answer.status != OK:
            raise Wrong(f"Answered with {answer.status}: {answer.body[:SHOWN_BYTES]!r}")
        if answer.body == self._right:
            return
        if not self._operation.is_right(self._data(orjson.loads(answer.body))):
            raise Wrong(f"Answered wrongly: {answer.body[:SHOWN_BYTES]!r}")
        self._right = answer.body
