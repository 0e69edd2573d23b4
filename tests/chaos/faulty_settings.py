"""The product's settings, with what the chaos harness can break from outside: doorbells and the clock.

CHAOS_DIRECTORY names a directory with two files: `doorbells` (JSON, see faulty_layer) and `clock` (seconds by
which the clock is wrong), or what CHAOS_CLOCK calls it. Without them, everything works.
"""

from __future__ import annotations

import os
from pathlib import Path

from live_inbox_site.settings import *  # noqa: F403
from live_inbox_site.settings import CHANNEL_LAYERS, INSTALLED_APPS
from tests.chaos import wrong_clock

_directory = Path(os.environ["CHAOS_DIRECTORY"])
_layer = CHANNEL_LAYERS["default"]
_is_redis = "redis" in _layer["BACKEND"]
_layer["BACKEND"] = (
    f"tests.chaos.faulty_layer.{'FaultyRedisLayer' if _is_redis else 'FaultyMemoryLayer'}"
)
_layer["CONFIG"] = {**_layer.get("CONFIG", {}), "rules": str(_directory / "doorbells")}

INSTALLED_APPS = [*INSTALLED_APPS, "tests.chaos.apps.ChaosConfig"]
wrong_clock.install(_directory / os.environ.get("CHAOS_CLOCK", "clock"))
