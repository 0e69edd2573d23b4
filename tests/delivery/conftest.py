"""A simulation for the hub."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.delivery.simulated_hub import SimulatedHub


@pytest.fixture
def simulation() -> Iterator[SimulatedHub]:
    """A hub that runs, with a channel layer, in time that stands still."""
    simulation = SimulatedHub()
    yield simulation
    simulation.close()
