"""The machine of a run. A figure means nothing without it."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from live_inbox_site.building import NotBuildable, find_node

PACKAGES = (
    "Django",
    "channels",
    "channels-redis",
    "redis",
    "strawberry-graphql",
    "graphql-core",
    "uvicorn",
    "uvloop",
    "websockets",
    "daphne",
    "orjson",
    "psycopg",
    "gunicorn",
    "djangorestframework",
    "django-ninja",
    "strawberry-graphql-django",
)
NODE_MODULES = Path(__file__).parent / "peers" / "node" / "node_modules"
NODE_PACKAGES = (
    *("graphql-ws", "ws", "graphql", "graphql-yoga", "socket.io", "ioredis", "pg", "fastify"),
    "mercurius",
)


def describe(command: str) -> dict[str, Any]:
    """Return the machine, the versions, the moment and the command."""
    return {
        "command": command,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "processor": _processor(),
            "processors": os.cpu_count(),
            "memory_gb": round(psutil.virtual_memory().total / 1e9),
            "system": f"{platform.system()} {platform.release()}",
        },
        "versions": _versions(),
    }


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    found = {"Python": platform.python_version()}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    with suppress(NotBuildable):
        done = subprocess.run([find_node(), "--version"], capture_output=True, text=True)
        found["Node"] = done.stdout.strip().lstrip("v")
    for name in NODE_PACKAGES:
        with suppress(OSError):
            package = json.loads((NODE_MODULES / name / "package.json").read_text())
            found[f"{name} (npm)"] = package["version"]
    return found
