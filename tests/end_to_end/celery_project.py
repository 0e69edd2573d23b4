"""A Celery application whose task sends. `celery --app tests.end_to_end.celery_project worker` runs it.

As soon as the worker is ready, it gets the task. CELERY_BROKER, CELERY_RECIPIENT and CELERY_END come from the test.
"""

# mypy: allow-untyped-decorators
# (Celery has no types.)

from __future__ import annotations

import os
import signal
from typing import Any

import django
from celery import Celery
from celery.signals import task_postrun, worker_ready

import live_inbox

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "live_inbox_site.settings")
django.setup()

app = Celery("project", broker=os.environ["CELERY_BROKER"])
app.conf.worker_hijack_root_logger = False


@app.task
def notify() -> None:
    """Send in two transactions: the second shows that the first has left the thread usable."""
    for title in ("first", "second"):
        live_inbox.send(recipient=os.environ["CELERY_RECIPIENT"], title=title)


@worker_ready.connect
def begin(**_: Any) -> None:
    """Queue the task."""
    notify.delay()


@task_postrun.connect
def end(**_: Any) -> None:
    """Kill the process that has run a task, if the test wants that."""
    if os.environ.get("CELERY_END") == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
