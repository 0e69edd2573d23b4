"""CSV files, and files of JSON lines."""

from __future__ import annotations

import csv
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from live_inbox.content import CONTENT_FIELDS
from live_inbox.errors import InvalidInput
from live_inbox.importing.rows import PAGE, Page, Problem, SourceRow
from live_inbox.importing.text_rows import COLUMNS, to_source_row

Line = SourceRow | Problem

_JSON_TYPES = {
    name: declared.json_type
    for name, declared in CONTENT_FIELDS.items()
    if declared.json_type in ("array", "object")
}
"""The columns whose cells in CSV files are JSON."""


class _FileSource(ABC):
    """Reads a file with a notification in each line."""

    def __init__(
        self,
        path: Path,
        *,
        columns: Mapping[str, str] | None = None,
        ignored: Collection[str] = (),
        after: int = 0,
    ) -> None:
        """`columns` maps our names of columns to the file's; lines up to the number `after` are left out."""
        self._path = path
        self._names = {theirs: ours for ours, theirs in (columns or {}).items()}
        self._ignored = frozenset(ignored)
        self._after = after

    def total(self) -> int | None:
        """Return about how many rows there are: the lines of the file; None of a pipe, which can be read only once."""
        if not self._path.is_file():
            return None
        with self._path.open("rb") as file:
            return sum(1 for _ in file)

    def pages(self) -> Iterator[Page]:
        """Yield all rows."""
        lines = self._lines()
        while page := list(islice(lines, PAGE)):
            yield list(page)

    @abstractmethod
    def _lines(self) -> Iterator[Line]:
        """Yield a row or a problem for each line."""

    def _row(self, line: int, values: Mapping[str, Any]) -> Line:
        named = {
            self._names.get(name, name): value
            for name, value in values.items()
            if name not in self._ignored
        }
        return to_source_row(f"line {line}", named)


class CsvSource(_FileSource):
    """Reads a CSV file in UTF-8 whose first line names the columns. An empty cell is a value that is not given."""

    def _lines(self) -> Iterator[Line]:
        # Bytes that are not UTF-8 become lone surrogates, which are reported with the row that has them.
        with self._path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            self._check(header)
            while (cells := _next(reader)) is not None:
                if reader.line_num > self._after and cells != []:
                    yield self._cells(reader.line_num, header, cells)

    def _check(self, header: list[str]) -> None:
        """Raise InvalidInput unless the columns are known, each once, and those that every row needs are there."""
        named = [self._names.get(name, name) for name in header if name not in self._ignored]
        for name in named:
            if name not in COLUMNS:
                raise InvalidInput(
                    f"There is no column {name!r}. Name it: --column OURS={name}, or leave it out: "
                    f"--ignore {name}. The columns are {', '.join(COLUMNS)}.",
                    field=name,
                )
        for name in dict.fromkeys(("recipient", "title", *named)):
            if named.count(name) != 1:
                raise InvalidInput(f"The file must have one column {name!r}.", field=name)

    def _cells(self, line: int, header: list[str], cells: list[str] | csv.Error) -> Line:
        if isinstance(cells, csv.Error):
            return Problem(f"line {line}", "line", f"This is not CSV: {cells}.")
        if len(cells) != len(header):
            message = "The row has another number of cells than the header."
            return Problem(f"line {line}", "line", message)
        values: dict[str, Any] = {
            name: cell for name, cell in zip(header, cells, strict=True) if cell
        }
        for name in values.keys() - set(self._ignored):
            field = self._names.get(name, name)
            if field in _JSON_TYPES:
                try:
                    values[name] = orjson.loads(values[name])
                except ValueError:
                    message = f"{field} must be a JSON {_JSON_TYPES[field]}."
                    return Problem(f"line {line}", field, message)
        return self._row(line, values)


class JsonLinesSource(_FileSource):
    """Reads a file with a JSON object in each line. Blank lines are left out."""

    def _lines(self) -> Iterator[Line]:
        with self._path.open("rb") as file:
            for number, text in enumerate(file, 1):
                if number > self._after and text.strip():
                    yield self._object(number, text)

    def _object(self, line: int, text: bytes) -> Line:
        try:
            values = orjson.loads(text)
        except ValueError:
            values = None
        if not isinstance(values, dict):
            return Problem(f"line {line}", "line", "This is not a JSON object.")
        return self._row(line, values)


def _next(reader: Any) -> list[str] | csv.Error | None:
    """Return the next record, or the error that takes its place; None at the end."""
    try:
        return next(reader, None)
    except csv.Error as error:
        return error


FILE_SOURCES: Mapping[str, Callable[..., _FileSource]] = {
    "csv": CsvSource,
    "jsonl": JsonLinesSource,
}
