"""An import that is killed leaves whole pages, and the next run does the rest."""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from live_inbox.importing.rows import PAGE
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.models import Inbox, Notification
from tests.domain.concurrency import is_blocked
from tests.stacks.child import Child, ServerFailed
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.stack import Stack
from tests.stacks.uvicorn_server import REPOSITORY

pytestmark = [pytest.mark.stack("production"), pytest.mark.django_db(transaction=True)]

SIZE = 2 * PAGE + PAGE // 2


def start_import(
    process_registry: ProcessRegistry, stack: Stack, directory: Path, file: Path
) -> Child:
    """Start the command in a process of its own, on the database of the test."""
    return Child(
        process_registry,
        [sys.executable, "manage.py", "import_notifications", "--from", "jsonl", str(file)],
        log=directory / "log",
        environment={**os.environ, "DATABASE_URL": stack.test_database_url()},
        directory=REPOSITORY,
        stop_signal=signal.SIGINT,
        warm=True,
    )


def test_a_killed_import_is_finished_by_the_next_run(
    process_registry: ProcessRegistry, stack: Stack, tmp_path: Path
) -> None:
    alice, bob = (User.objects.create_user(name) for name in ("alice", "bob"))
    # Bob has rows from the second page on, and his inbox is locked.
    Inbox.objects.create(user=bob)
    file = tmp_path / "old.jsonl"
    with file.open("w") as out:
        for number in range(SIZE):
            recipient = bob if number >= PAGE and number % 2 else alice
            row = {"key": f"old:{number}", "recipient": recipient.pk, "title": f"n{number}"}
            out.write(json.dumps({**row, "read": number % 3 == 0}) + "\n")

    with transaction.atomic():
        Inbox.objects.select_for_update().get(pk=bob.pk)
        killed = start_import(process_registry, stack, tmp_path, file)
        killed.wait_until(is_blocked)
        killed.kill()
    assert killed.exit_code == -9
    # The first page is there; the second one was in the middle of its transaction.
    assert Notification.objects.count() == PAGE
    assert list(check_inboxes()) == []

    finished = start_import(process_registry, stack, tmp_path, file)
    # The lines are there when the process has ended, whichever `wait_until` sees first.
    with suppress(ServerFailed):
        finished.wait_until(lambda: not finished.running)
    assert finished.exit_code == 0, finished.tail()
    assert f"{SIZE} rows read: {SIZE - PAGE} imported, {PAGE} imported before" in finished.text()
    for user in (alice, bob):
        rows = Notification.objects.filter(recipient=user).order_by("id")
        titles = [
            f"n{number}"
            for number in range(SIZE)
            if (number >= PAGE and number % 2 == 1) == (user == bob)
        ]
        assert list(rows.values_list("title", flat=True)) == titles
        assert list(rows.values_list("added_sequence", flat=True)) == list(
            range(1, len(titles) + 1)
        )
    assert Notification.objects.filter(read_at__isnull=False).count() == (SIZE + 2) // 3
    assert list(check_inboxes()) == []


def test_ctrl_c_ends_it_with_a_line_about_what_has_been_done(
    process_registry: ProcessRegistry, stack: Stack, tmp_path: Path
) -> None:
    alice = User.objects.create_user("alice")
    Inbox.objects.create(user=alice)
    file = tmp_path / "old.jsonl"
    file.write_text(json.dumps({"recipient": alice.pk, "title": "x"}))

    with transaction.atomic():
        Inbox.objects.select_for_update().get(pk=alice.pk)
        stopped = start_import(process_registry, stack, tmp_path, file)
        stopped.wait_until(is_blocked)
        code = stopped.stop()

    assert (code, stopped.text()) == (130, "Stopped after 0 rows. Run it again to continue.\n")
    assert Notification.objects.count() == 0
