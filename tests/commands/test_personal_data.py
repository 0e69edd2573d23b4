"""manage.py export_user and erase_user."""

from __future__ import annotations

import io
import json
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection

from live_inbox import services
from live_inbox.models import InboxEvent, Notification
from tests.commands.conftest import Run


@pytest.fixture(autouse=True)
def _sent(alice: User, bob: User) -> None:
    services.send(recipient_id=alice.pk, title="to alice", sender_id=bob.pk)
    services.send(recipient_id=bob.pk, title="to bob", sender_id=alice.pk)


@pytest.mark.parametrize("by", ["name", "id"])
def test_an_export_is_one_record_on_each_line(run: Run, alice: User, by: str) -> None:
    result = run("export_user", "alice" if by == "name" else alice.pk)

    assert (result.code, result.err) == (0, "")
    records = [json.loads(line) for line in result.out.splitlines()]
    assert [each["record"] for each in records] == [
        "user",
        "sent",
        "named_in_event",
        "notification",
        "event",
        "inbox",
    ]
    assert records[3]["title"] == "to alice"


def test_an_export_into_a_file_that_only_its_owner_reads(
    run: Run, alice: User, tmp_path: Path
) -> None:
    path = tmp_path / "alice.jsonl"

    result = run("export_user", "alice", "--output", path)

    assert result.out == f"Exported 6 records of alice (user {alice.pk}) to {path}.\n"
    assert len(path.read_text().splitlines()) == 6
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = run("export_user", "alice", "--output", path)
    assert (again.code, again.out) == (1, "")
    assert again.err == f"CommandError: Cannot create {path}: File exists.\n"


@pytest.mark.parametrize("command", ["export_user", "erase_user"])
def test_an_unknown_user(run: Run, command: str) -> None:
    result = run(command, "nobody")
    assert (result.code, result.out) == (1, "")
    assert result.err == "CommandError: There is no user with the id or name 'nobody'.\n"


def test_a_dry_run(run: Run, alice: User) -> None:
    result = run("erase_user", "alice", "--dry-run")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [
        "Held sent: 1",
        "Held named_in_event: 1",
        "Held notification: 1",
        "Held event: 1",
        "Held inbox: 1",
        "The erasure shows devices that notifications go, by events of its own, and counts these as erased, too.",
    ]
    assert Notification.objects.count() == 2


def test_without_an_answer_nothing_is_erased(
    run: Run, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for text, error in (("", "Nobody to ask. Use --no-input."), ("y\n", "Nothing was erased.")):
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        result = run("erase_user", "alice", "--delete-account")
        assert result.code == 1
        assert result.err == f"CommandError: {error}\n"
        assert result.out.startswith(
            f"Erase what the inbox holds about alice (user {alice.pk}). There is no way back.\n"
            "Anonymize what they have sent to others.\n"
            "Delete the account, with all that other tables have of it.\n"
        )
    assert Notification.objects.count() == 2
    assert User.objects.filter(username="alice").exists()


def test_it_erases_after_an_answer(
    run: Run, alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    result = run("erase_user", "alice")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[-4:] == [
        "Type 'yes' to go on: Erased sent: 1",
        "Erased notification: 1",
        "Erased event: 2",
        "Erased inbox: 1",
    ]
    (left,) = Notification.objects.all()
    assert (left.title, left.recipient, left.sender) == ("to bob", bob, None)


def test_without_a_question_and_with_the_account(run: Run, alice: User) -> None:
    result = run("erase_user", "alice", "--no-input", "--delete-sent", "--delete-account")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [
        "Erased sent: 1",
        "Erased notification: 1",
        "Erased event: 2",
        "Erased inbox: 1",
        "Deleted the account.",
    ]
    assert not Notification.objects.exists()
    again = run("erase_user", alice.pk, "--no-input", "--deleted")
    assert (again.code, again.out) == (0, "Erased nothing.\n")


def test_an_account_that_was_deleted_before(run: Run, alice: User) -> None:
    key = alice.pk
    refused = run("erase_user", key, "--deleted", "--no-input")
    assert refused.err == f"CommandError: User {key} has an account: leave --deleted out.\n"
    alice.delete()
    assert InboxEvent.objects.get().payload["notification"]["sender"]["username"] == "alice"

    result = run("erase_user", key, "--deleted", "--no-input")

    assert (result.code, result.out) == (0, "Erased named_in_event: 1\n")
    assert InboxEvent.objects.get().payload["notification"]["sender"] is None
    assert run("erase_user", "jane", "--deleted").err == (
        "CommandError: 'jane' is not the id of a user.\n"
    )


@pytest.mark.stack("production")
def test_what_others_have_locked_is_reported_and_erased_by_the_next_call(
    run: Run, alice: User
) -> None:
    services.send(recipient_id=alice.pk, title="later", deliver_at=timedelta(days=1))
    delivering = connection.copy()
    delivering.set_autocommit(False)
    with delivering.cursor() as cursor:
        cursor.execute("SELECT id FROM live_inbox_scheduledsend FOR UPDATE")
        result = run("erase_user", "alice", "--no-input")
    delivering.rollback()
    delivering.close()
    assert result.code == 1
    assert result.err == (
        "CommandError: Something is left, because it was locked or has just been added: scheduled: 1. "
        "Run the command again; if it stays, run check_inboxes.\n"
    )
    again = run("erase_user", "alice", "--no-input")
    assert (again.code, again.out) == (0, "Erased scheduled: 1\n")


def test_revocations_stay_with_the_account(run: Run, alice: User) -> None:
    assert run("revoke_tokens", "--user", "alice").code == 0
    result = run("erase_user", "alice", "--no-input")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[-1] == (
        "Left token_revocation: 1 (without it, tokens that were revoked would be accepted again; it goes with the "
        "account)"
    )
