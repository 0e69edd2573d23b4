"""The metrics as Prometheus reads them: of this process, or of all that share a directory."""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable by which prometheus_client keeps the values of all processes in files of one directory."""


def is_shared() -> bool:
    """Whether the metrics of several processes are put together, which means reading files."""
    return bool(os.environ.get(DIRECTORY))


def metrics_text() -> bytes:
    """Return the metrics as text."""
    if not is_shared():
        return generate_latest()
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
