"""What is left of a request when it has ended: nothing, without a garbage collection."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path

from live_inbox_site.django_handler import DjangoHandler

LARGE = b"x" * 200_000

_alive: list[weakref.ref[Any]] = []


async def _large(request: HttpRequest) -> HttpResponse:
    response = HttpResponse(LARGE)
    _alive.extend((weakref.ref(request), weakref.ref(response)))
    return response


urlpatterns = [path("large/", _large)]

pytestmark = pytest.mark.stack("embedded")


@pytest.fixture(autouse=True)
def _without_collections() -> Iterator[None]:
    _alive.clear()
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("reads", [True, False])
@override_settings(ROOT_URLCONF=__name__)
async def test_no_request_and_no_response_is_left(reads: bool) -> None:
    has_left = asyncio.Event()
    received = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Any:
        if (request := next(received, None)) is not None:
            return request
        await has_left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body" and not reads:
            has_left.set()
            # There is no room, and there never will be.
            await asyncio.Event().wait()

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/large/",
        "query_string": b"",
        "headers": [(b"host", b"testserver")],
    }
    await DjangoHandler()(scope, receive, send)

    del scope
    assert len(_alive) == 2
    assert [each() for each in _alive] == [None, None]
