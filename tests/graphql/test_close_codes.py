"""The table of close codes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import live_inbox_graphql
from live_inbox_graphql.close_codes import CLOSINGS, GraphQLCloseCode, reason_for

# src/client.ts of graphql-ws 6: it does not come back after these, nor after any other of WebSocket's own
# codes than those below.
FATAL_TO_GRAPHQL_WS = {4004, 4005, 4400, 4401, 4406, 4409, 4429, 4500}
NOT_FATAL = {1000, 1001, 1005, 1006, 1012, 1013, 1014}


def test_every_code_is_in_the_table() -> None:
    assert set(CLOSINGS) == set(GraphQLCloseCode)


@pytest.mark.parametrize(
    "code", [code for code in GraphQLCloseCode if code is not GraphQLCloseCode.NORMAL]
)
def test_the_table_matches_which_clients_reconnect(code: GraphQLCloseCode) -> None:
    is_fatal = code in FATAL_TO_GRAPHQL_WS or (1000 <= code < 2000 and code not in NOT_FATAL)
    assert CLOSINGS[code].comes_back is not is_fatal


def test_every_detail_of_try_again_is_in_its_list() -> None:
    for source in Path(live_inbox_graphql.__file__).parent.rglob("*.py"):
        assert not re.search(r'TRY_AGAIN, (\w+, )?f?"', source.read_text()), source


def test_a_reason_has_the_tables_words_first() -> None:
    assert reason_for(GraphQLCloseCode.FORBIDDEN, "expired") == "Forbidden: expired"
    assert reason_for(GraphQLCloseCode.FORBIDDEN) == "Forbidden"
    assert reason_for(GraphQLCloseCode.SECOND_INIT) == "Too many initialisation requests"


@pytest.mark.parametrize("detail", ["x" * 500, "é" * 500, "\U0001f514" * 500, "\ud800" * 500])
def test_a_reason_fits_into_a_close_frame(detail: str) -> None:
    reason = reason_for(GraphQLCloseCode.DUPLICATE_ID, detail)
    assert 119 < len(reason.encode()) <= 123
