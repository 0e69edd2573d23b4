"""What is a message, and what is not. No socket is needed to know."""

from __future__ import annotations

from typing import Any

import pytest

from live_inbox_graphql.messages import (
    InvalidMessage,
    OperationRequest,
    init_payload,
    message_type,
    operation_id,
    operation_request,
)


def test_a_message_has_a_type() -> None:
    assert message_type({"type": "ping"}) == "ping"


@pytest.mark.parametrize("message", [None, 1, "x", [], ["type"], {}, {"type": 1}, {"type": None}])
def test_what_has_no_type_is_no_message(message: object) -> None:
    with pytest.raises(InvalidMessage):
        message_type(message)


@pytest.mark.parametrize("message", [{}, {"payload": None}, {"payload": {}}])
def test_parameters_may_be_left_out(message: dict[str, Any]) -> None:
    assert init_payload(message) == {}


@pytest.mark.parametrize("payload", [[], "token", 0, False])
def test_parameters_are_an_object(payload: object) -> None:
    with pytest.raises(InvalidMessage):
        init_payload({"payload": payload})


@pytest.mark.parametrize("id", [None, 1, "", [], {}, {"a": 1}])
def test_an_id_is_a_string(id: object) -> None:
    with pytest.raises(InvalidMessage):
        operation_id({"id": id})


@pytest.mark.parametrize("id", ["x" * 129, "é" * 65, "\ud800" * 43, "x" * 60_000])
def test_an_id_has_a_limit(id: str) -> None:
    with pytest.raises(InvalidMessage, match="the id has more than 128 bytes"):
        operation_id({"id": id})


@pytest.mark.parametrize("id", ["x" * 128, "é" * 64, "\ud800" * 42])
def test_an_id_of_the_limit(id: str) -> None:
    assert operation_id({"id": id}) == id


def test_an_operation_is_read() -> None:
    payload = {"query": "{ a }", "variables": {"x": 1}, "operationName": "Q", "extensions": {}}
    assert operation_request({"id": "7", "payload": payload}) == OperationRequest(
        "7", "{ a }", {"x": 1}, "Q"
    )
    persisted: dict[str, Any] = {"extensions": {"persistedQuery": {}}}
    for query in ({}, {"query": None}, {"query": ""}):
        assert operation_request({"id": "7", "payload": persisted | query}) == OperationRequest(
            "7", "", None, None, {"persistedQuery": {}}
        )
    assert operation_request({"id": "7", "payload": {"query": ""}}) == OperationRequest(
        "7", "", None, None
    )


@pytest.mark.parametrize(
    "message",
    [
        {"payload": {"query": "x"}},
        {"id": "1"},
        {"id": "1", "payload": None},
        {"id": "1", "payload": []},
        {"id": "1", "payload": {}},
        {"id": "1", "payload": {"query": None}},
        {"id": "1", "payload": {"query": None, "extensions": {}}},
        {"id": "1", "payload": {"query": "x", "extensions": []}},
        {"id": "1", "payload": {"query": "x", "variables": []}},
        {"id": "1", "payload": {"query": "x", "operationName": 5}},
    ],
)
def test_what_is_no_operation_is_refused(message: dict[str, Any]) -> None:
    with pytest.raises(InvalidMessage):
        operation_request(message)
