"""A checkout before the move and one after it: which names and folders a process of each gets."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.checkout import Checkout
from tests.stacks.uvicorn_server import REPOSITORY

SETTINGS = {"RECONCILE_SECONDS": "60", "DRAIN_SECONDS": "1", "REDIS_URL": "redis://here"}


def test_this_checkout_has_the_packages_of_today() -> None:
    assert not Checkout().is_before_move
    assert Checkout().environment(SETTINGS) == {
        **SETTINGS,
        "DJANGO_SETTINGS_MODULE": "live_inbox_site.settings",
        "PYTHONPATH": os.pathsep.join(
            [str(REPOSITORY), f"{REPOSITORY}/backend", f"{REPOSITORY}/graphql_schema"]
        ),
    }


def test_a_checkout_from_before_the_move_gets_the_names_of_that_time(tmp_path: Path) -> None:
    (tmp_path / "backend" / "notifications").mkdir(parents=True)
    assert Checkout(tmp_path).environment(SETTINGS) == {
        "WATCH_SECONDS": "60",
        "FINISHING_SECONDS": "1",
        "REDIS_URL": "redis://here",
        "DJANGO_SETTINGS_MODULE": "backend.settings",
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(tmp_path)]),
    }
