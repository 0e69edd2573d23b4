"""Lets the worker processes of `manage.py serve` answer with the metrics of all of them, whichever is asked."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from prometheus_client.multiprocess import mark_process_dead

DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
"""As in `live_inbox.metrics_text`, which the process of a worker cannot import before Django is set up."""

logger = logging.getLogger(__name__)


@contextmanager
def shared_metrics() -> Iterator[None]:
    """Have the processes that are started in the block keep their metrics in one directory.

    It is the one of PROMETHEUS_MULTIPROC_DIR, which other processes may share, or else a temporary one. Without a place
    for that, each worker has its own metrics, and the log says so.
    """
    if os.environ.get(DIRECTORY):
        yield
        return
    try:
        directory = TemporaryDirectory(prefix="live-inbox-metrics-", ignore_cleanup_errors=True)
    except OSError as error:
        logger.warning(
            "/metrics is of one worker at a time: there is no place for temporary files (%s).",
            error,
        )
        yield
        return
    with directory as path:
        os.environ[DIRECTORY] = path
        try:
            yield
        finally:
            del os.environ[DIRECTORY]


def forget_process(pid: int | None) -> None:
    """Take the gauges of a process that has ended out of the sums. What it has counted stays."""
    directory = os.environ.get(DIRECTORY)
    if directory and pid is not None:
        mark_process_dead(pid, directory)  # type: ignore[no-untyped-call]
