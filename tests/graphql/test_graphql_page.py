"""docs/graphql.md agrees with the code."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from graphql import parse, validate

from live_inbox.conf import InboxSettings
from live_inbox.database_errors import ErrorKind
from live_inbox.delivery.log import ResetReason
from live_inbox.errors import InvalidInput, RateLimited
from live_inbox.identity.admissions import AccessEnd
from live_inbox.identity.credentials import _PAYLOAD_KEYS, token_from_payload
from live_inbox.identity.errors import AuthenticationFailed, Reason
from live_inbox.internals.strawberry_schema import MAX_ERRORS
from live_inbox.internals.uvicorn_frames import MAX_FRAMES
from live_inbox.selectors import MAX_TYPES
from live_inbox_graphql.close_codes import CLOSINGS, TRY_AGAIN_DETAILS
from live_inbox_graphql.costs import ASSUMED_LENGTH, ENTRY_COST, ROOT_COST, SEARCH_COST
from live_inbox_graphql.document_limits import MAX_NAME, MAX_REPEATS
from live_inbox_graphql.errors import Code, client_error
from live_inbox_graphql.messages import MAX_ID_BYTES
from live_inbox_graphql.operation_rate import CHARACTERS_EACH, COST_EACH, INTROSPECTION_EACH
from live_inbox_graphql.pagination import DEFAULT_PAGE_SIZE
from live_inbox_graphql.repeated_fields import MAX_NAMES
from live_inbox_graphql.request_limits import VALUES_BESIDE_RECIPIENTS
from live_inbox_site.configuration_page import groups
from tests.graphql.own_schema import schema

PAGE = (Path(__file__).parents[2] / "docs" / "graphql.md").read_text()
SECTIONS: dict[str, str] = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S))


def rows(section: str, *, under: str) -> dict[str, list[str]]:
    """Return the rows of the table with this heading in its first column, by their first cell."""
    table = re.search(rf"^\| {under} \|.*\n\|[-|]+\n((?:\|.*\n)+)", SECTIONS[section], re.M)
    assert table is not None
    lines = [re.split(r"\s*\|\s*", line[1:-1].strip()) for line in table[1].splitlines()]
    return {line[0].strip("`"): line[1:] for line in lines}


def code_descriptions() -> dict[str, str]:
    """Return the docstring of each code in the source."""
    (table,) = ast.parse(inspect.getsource(Code)).body
    assert isinstance(table, ast.ClassDef)
    found = {}
    for name, text in zip(table.body, table.body[1:], strict=False):
        if isinstance(name, ast.Assign) and isinstance(text, ast.Expr):
            found[ast.literal_eval(name.value)] = ast.literal_eval(text.value)
    return found


def words(text: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", text))


def test_the_codes_of_errors() -> None:
    assert set(code_descriptions()) == set(Code)
    documented = {code: cells[0] for code, cells in rows("Errors", under="code").items()}
    assert documented == code_descriptions()


def test_the_extensions_of_each_code() -> None:
    errors: list[Exception] = [
        InvalidInput("No.", field="title"),
        RateLimited("No.", retry_after=1.0),
        AuthenticationFailed(Reason.EXPIRED),
        AuthenticationFailed(Reason.KEYS_UNAVAILABLE),
        LookupError(),
    ]
    beside = {code.value: set[str]() for code in Code}
    beside |= {Code.MAX_COST_EXCEEDED.value: {"cost", "limit"}}
    beside |= {Code.RESPONSE_TOO_LARGE.value: {"limit"}}
    beside |= {client_error(error).code.value: set(client_error(error).details) for error in errors}

    assert {code: words(cells[1]) for code, cells in rows("Errors", under="code").items()} == beside


def test_the_reasons() -> None:
    pattern = r"^The values of `reason` with `UNAUTHENTICATED`:(.*?)\. With"
    documented = re.search(pattern, SECTIONS["Errors"], re.M | re.S)
    assert documented is not None
    reasons = {reason.value for reason in Reason}
    temporary = {reason.value for reason in Reason if reason.is_temporary}
    assert words(documented[1]) == reasons - temporary
    outages = {kind.value for kind in ErrorKind if kind.is_temporary}
    assert set(rows("Errors", under="reason")) == {*temporary, *outages, "restart"}
    ends = {reason.value for reason in AccessEnd}
    assert ends - reasons == {"deactivated", "disconnected"}
    assert "`deactivated` and `disconnected`" in SECTIONS["Close codes"]
    details = re.search(
        r"those of 1013 are the values for (.*?)\.\n", SECTIONS["Close codes"], re.S
    )
    assert details is not None
    assert set(re.findall("`(.*?)`", details[1])) == {"SERVICE_UNAVAILABLE", *TRY_AGAIN_DETAILS}


def test_the_close_codes() -> None:
    table = rows("Close codes", under="code")
    # Sent by the WebSocket server, below the application.
    of_the_server = table.pop("1002, 1007")
    assert of_the_server[0] == ""
    assert of_the_server[2].startswith("stops")
    assert f"more than {MAX_FRAMES} frames" in table["1009"][1]

    assert {code: cells[:2] for code, cells in table.items()} == {
        str(code.value): [closing.reason, closing.when] for code, closing in CLOSINGS.items()
    }
    assert {int(code) for code, cells in table.items() if cells[2].startswith("reconnects")} == {
        code.value for code, closing in CLOSINGS.items() if closing.comes_back
    }


def test_the_limits() -> None:
    documented = {name: cells[0] for name, cells in rows("Limits", under="setting").items()}

    def default(name: str) -> str:
        value = InboxSettings.model_fields[name].default
        return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"

    assert documented == {name.upper(): default(name) for name in groups()["limits"]}
    fixed = [
        VALUES_BESIDE_RECIPIENTS,
        1,
        DEFAULT_PAGE_SIZE,
        ASSUMED_LENGTH,
        ENTRY_COST,
        ROOT_COST,
        SEARCH_COST,
        CHARACTERS_EACH,
        COST_EACH,
        INTROSPECTION_EACH,
        DEFAULT_PAGE_SIZE,
        MAX_TYPES,
        MAX_NAME,
        MAX_REPEATS,
        MAX_NAMES,
        MAX_ID_BYTES,
        MAX_ERRORS,
    ]
    text = SECTIONS["Limits"].split("Variables may hold")[1].replace(",", "")
    assert [int(number) for number in re.findall(r"\b\d+\b", text)] == fixed


def test_every_setting_that_is_named_exists() -> None:
    others = {*Code, "LIVE_INBOX", "EVENT_TYPES", "DATA_UPLOAD_MAX_MEMORY_SIZE"}
    others |= set(ResetReason.__members__)
    named = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", PAGE)) - others
    assert {name for name in named if name.lower() not in InboxSettings.model_fields} == set()


@pytest.mark.parametrize("text", re.findall(r"^ *```graphql\n(.*?)```$", PAGE, re.M | re.S))
def test_the_documents_are_valid(text: str) -> None:
    assert validate(schema.schema._schema, parse(text)) == []


def test_the_keys_for_a_token_in_the_payload() -> None:
    documented = re.search(
        r"^In the payload, the token stands under (.*?), at the top level", PAGE, re.M
    )
    assert documented is not None
    assert words(documented[1]) == set(_PAYLOAD_KEYS)
    for key in words(documented[1]):
        for value in ("abc", "Bearer abc", "JWT abc"):
            payload: Any = {key: value}
            assert token_from_payload(payload) == token_from_payload({"headers": payload}) == "abc"


def test_links_are_valid() -> None:
    docs = Path(__file__).parents[2] / "docs"
    links = re.findall(r"\]\(([^)#]+)\)", PAGE)
    assert [link for link in links if not (docs / link).exists()] == []
