"""The mapping from exceptions to the errors that clients receive."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError
from graphql import GraphQLError
from prometheus_client import CollectorRegistry, Counter

from live_inbox.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    NotificationError,
    RateLimited,
)
from live_inbox.faults import RecurringFault
from live_inbox.identity.errors import AuthenticationFailed, Reason
from live_inbox_graphql import errors
from live_inbox_graphql.errors import Code, as_clients_see, client_error

FAULTS = Counter("faults", "Faults.", registry=CollectorRegistry())


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            InvalidInput("No.", field="input.title"),
            {"message": "No.", "extensions": {"code": "BAD_USER_INPUT", "field": "input.title"}},
        ),
        (NotFound("No."), {"message": "No.", "extensions": {"code": "NOT_FOUND"}}),
        (Forbidden("No."), {"message": "No.", "extensions": {"code": "FORBIDDEN"}}),
        (Conflict("No."), {"message": "No.", "extensions": {"code": "CONFLICT"}}),
        (
            RateLimited("No.", retry_after=1.23456),
            {"message": "No.", "extensions": {"code": "RATE_LIMITED", "retryAfter": 1.235}},
        ),
        (
            AuthenticationFailed(Reason.EXPIRED),
            {
                "message": "The token has expired.",
                "extensions": {"code": "UNAUTHENTICATED", "reason": "expired"},
            },
        ),
        (
            AuthenticationFailed(Reason.KEYS_UNAVAILABLE),
            {
                "message": "The token cannot be checked at the moment; try again later.",
                "extensions": {"code": "SERVICE_UNAVAILABLE", "reason": "keys_unavailable"},
            },
        ),
    ],
)
def test_errors_of_the_domain_are_shown(error: Exception, expected: dict[str, Any]) -> None:
    assert client_error(error).formatted == expected
    wrapped = GraphQLError("raw", path=["send"], original_error=error)
    assert as_clients_see(wrapped).formatted == expected | {"path": ["send"]}


@pytest.mark.parametrize("error", [OperationalError("gone"), InterfaceError("closed")])
def test_an_outage_of_the_database_is_logged_once(
    error: Exception, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errors, "_database", RecurringFault("database", FAULTS))
    for _ in range(3):
        assert client_error(error).formatted == {
            "message": "The database is not available at the moment. Try again later.",
            "extensions": {"code": "SERVICE_UNAVAILABLE", "reason": "database_unavailable"},
        }
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_every_code_of_the_domain_is_in_the_table() -> None:
    codes = {kind.code for kind in NotificationError.__subclasses__()}
    assert codes | {AuthenticationFailed.code} <= set(Code)


def test_unexpected_exceptions_are_masked_and_logged_under_an_id(
    caplog: pytest.LogCaptureFixture,
) -> None:
    try:
        raise KeyError("the password")
    except KeyError as error:
        hidden = client_error(error)
    assert hidden.message == "Internal server error"
    assert set(hidden.extensions) == {"code", "errorId"}
    assert hidden.extensions["code"] == "INTERNAL_SERVER_ERROR"
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert hidden.details["errorId"] in record.getMessage()
    assert "the password" in caplog.text
    assert "Traceback" in caplog.text


def test_two_internal_errors_have_two_ids() -> None:
    first, second = client_error(KeyError("a")), client_error(KeyError("a"))
    assert first.details["errorId"] != second.details["errorId"]


def test_an_error_with_a_code_is_unchanged() -> None:
    error = GraphQLError("x", extensions={"code": "GRAPHQL_VALIDATION_FAILED"})
    assert as_clients_see(error) is error
