"""A stage for the hub."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.delivery.stage import Stage


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A hub that runs, with a channel layer, in time that stands still."""
    stage = Stage()
    yield stage
    stage.strike()
