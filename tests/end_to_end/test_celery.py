"""Celery workers of several kinds: what their tasks send arrives at an open socket, by doorbell."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.end_to_end.conftest import Devices
from tests.stacks.child import Child
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.stack import Stack
from tests.stacks.uvicorn_server import REPOSITORY, ServerProcess

pytestmark = pytest.mark.stack("production")

StartWorker = Callable[..., Child]


@pytest.fixture
def start_worker(
    process_registry: ProcessRegistry, stack: Stack, alice: int
) -> Iterator[StartWorker]:
    """Start a Celery worker with these options, which gets its task when it is ready."""
    workers: list[Child] = []

    def start(*options: str, **environment: str) -> Child:
        assert stack.redis is not None
        own = {
            **stack.environment(),
            "DATABASE_URL": stack.test_database_url(),
            "CELERY_BROKER": stack.redis.url,
            "CELERY_RECIPIENT": str(alice),
        }
        command = ["-m", "celery", "--app", "tests.end_to_end.celery_project", "worker"]
        worker = Child(
            process_registry,
            [sys.executable, *command, "--without-mingle", "--without-gossip", *options],
            log=process_registry.directory / "celery.log",
            environment={**os.environ, **own, **environment},
            directory=REPOSITORY,
        )
        workers.append(worker)
        return worker

    yield start
    for worker in workers:
        worker.kill()


@pytest.mark.parametrize(
    ("options", "end"),
    [
        (("--pool", "prefork", "--concurrency", "1", "--max-tasks-per-child", "1"), "killed"),
        (("--pool", "gevent", "--concurrency", "2"), "stays"),
    ],
    ids=["prefork", "gevent"],
)
def test_what_a_task_sends_is_shown_at_once(
    start_server: Callable[..., ServerProcess],
    start_worker: StartWorker,
    devices: Devices,
    options: tuple[str, ...],
    end: str,
) -> None:
    # The server does not compare its inboxes with the database while the test waits: doorbells alone bring events.
    device = devices.graphql(start_server(RECONCILE_SECONDS="60"))
    worker = start_worker(*options, CELERY_END=end)
    changes = [device.next_change() for _ in range(2)]
    titles = [change.notification.title for change in changes if change.notification is not None]
    assert titles == ["first", "second"]
    assert worker.running
    assert "SynchronousOnlyOperation" not in worker.text()
