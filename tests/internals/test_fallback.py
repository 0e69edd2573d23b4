"""Where an internal of a dependency has moved, its optimisation switches itself off and everything works without it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator

import pytest
from uvicorn.protocols.websockets.auto import AutoWebSocketsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from live_inbox.internals import strawberry_schema
from live_inbox.internals.uvicorn_sockets import DirectSocketProtocol
from live_inbox.sockets.server_protocol import protocol_class
from live_inbox_graphql.context import Context
from live_inbox_graphql.messages import OperationRequest
from live_inbox_graphql.schema import build
from live_inbox_graphql.served_schema import ServedSchema
from tests.graphql.compiling import needs_compiled_selections
from tests.graphql.project_schema import project_schema

pytestmark = pytest.mark.stack("embedded")

SUBSCRIPTION = OperationRequest("1", "subscription { notificationEvents { position } }", None, None)


@pytest.fixture(autouse=True)
def _nothing_cached() -> Iterator[None]:
    """Let classes be chosen anew, before and after."""
    protocol_class.cache_clear()
    yield
    protocol_class.cache_clear()


def break_import(monkeypatch: pytest.MonkeyPatch, module: str, *importers: str) -> None:
    """Let a module not be found, by modules that are imported again."""
    monkeypatch.setitem(sys.modules, module, None)
    for importer in importers:
        monkeypatch.delitem(sys.modules, importer, raising=False)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


class TestUvicorn:
    def test_our_class_serves_unless_the_setting_is_off(self) -> None:
        assert protocol_class(fast=True) is DirectSocketProtocol
        assert protocol_class(fast=False) is WebSocketsSansIOProtocol

    def test_without_a_method_that_it_overrides_uvicorns_class_serves(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.delitem(sys.modules, "live_inbox.internals.uvicorn_sockets")
        monkeypatch.delattr(WebSocketsSansIOProtocol, "keepalive_timeout")
        for _ in range(2):
            assert protocol_class(fast=True) is WebSocketsSansIOProtocol
        (warning,) = warnings(caplog)
        assert warning.startswith("This version of uvicorn does not fit")

    def test_without_its_base_class_the_one_that_uvicorn_chooses_serves(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        break_import(
            monkeypatch,
            "uvicorn.protocols.websockets.websockets_sansio_impl",
            "live_inbox.internals.uvicorn_frames",
            "live_inbox.internals.uvicorn_sockets",
        )
        assert protocol_class(fast=True) is AutoWebSocketsProtocol
        assert len(warnings(caplog)) == 1


@needs_compiled_selections
class TestGraphQLCore:
    def test_a_subscription_is_compiled(self) -> None:
        assert build().compiled(SUBSCRIPTION) is not None

    async def test_without_the_internals_graphql_core_executes_it(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        break_import(
            monkeypatch,
            "graphql.execution.collect_fields",
            "live_inbox.internals.graphql_execution",
            "live_inbox_graphql.compiled.compilation",
            "live_inbox_graphql.compiled.subscriptions",
        )
        schema = build()
        for _ in range(2):
            assert schema.compiled(SUBSCRIPTION) is None
        (warning,) = warnings(caplog)
        assert warning.startswith("This version of graphql-core does not fit")
        result = await schema.execute("{ __typename }")
        assert result.data == {"__typename": "Query"}


class TestStrawberry:
    @pytest.fixture(autouse=True)
    def _not_warned(self) -> Iterator[None]:
        """Let the one warning be logged anew, before and after."""
        strawberry_schema.warn_once.cache_clear()
        yield
        strawberry_schema.warn_once.cache_clear()

    @needs_compiled_selections
    async def test_without_its_private_attributes_everything_is_executed(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(strawberry_schema, "_CORE", "moved")
        monkeypatch.setattr(strawberry_schema, "_NAMED", "moved")
        own = ServedSchema(project_schema(), is_own=True)
        for _ in range(2):
            assert own.compiled(SUBSCRIPTION) is None
            assert own.is_subscription(SUBSCRIPTION)
            assert (await own.execute("{ __typename }")).data == {"__typename": "Query"}
            refused = await own.execute("{ nothing }")
            assert refused.errors is not None
            assert refused.errors[0].extensions == {"code": "GRAPHQL_VALIDATION_FAILED"}
        (warning,) = warnings(caplog)
        assert warning.startswith("This version of Strawberry does not fit")

    @needs_compiled_selections
    async def test_without_its_validation_a_document_is_compiled_once_it_was_executed(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("live_inbox_graphql.documents.validate_document", None)
        schema = build()
        assert schema.compiled(SUBSCRIPTION) is None
        results = await schema.stream(SUBSCRIPTION.query, context_value=Context(None))
        assert [result.data async for result in results] == [None]
        assert schema.compiled(SUBSCRIPTION) is not None
