"""manage.py import_notifications, from files and from any model."""

from __future__ import annotations

import csv
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session

from live_inbox import services
from live_inbox.models import Inbox, Notification
from tests.commands.conftest import Run

THEN = datetime(2024, 5, 1, 12, tzinfo=UTC)
SUMMARY = "{read} read: {new} imported, {known} imported before, {skipped} skipped, {failed} with problems.\n"


def summary(read: str, last: str, *, new: int = 0, known: int = 0, failed: int = 0) -> str:
    """Return the first lines that the command prints."""
    numbers = SUMMARY.format(read=read, new=new, known=known, skipped=0, failed=failed)
    return f"{numbers}The last row is {last}.\n"


def write_csv(path: Path, *rows: tuple[object, ...]) -> Path:
    """Write rows, the first of which names the columns."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def write_json_lines(path: Path, *rows: Any) -> Path:
    """Write a JSON value in each line."""
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def titles(user: User) -> list[str]:
    """Return what is in a user's inbox, oldest first."""
    query = Notification.objects.filter(recipient=user).order_by("id")
    return list(query.values_list("title", flat=True))


def test_a_csv_file(run: Run, alice: User, bob: User, tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "old.csv",
        ("recipient", "sender", "type", "title", "message", "link", "data", "created_at", "read", "read_at"),
        (alice.pk, bob.pk, "billing", "Paid", "Two\nlines", "/7/", '{"n": 7}', "2024-05-01T14:00+02:00", "", ""),
        (alice.pk, "", "", "Seen", "", "", "", "2024-05-01 12:00", "yes", ""),
        (bob.pk, "", "", "Dated", "", "", "", "2024-05-01", "", "2024-05-01T12:00Z"),
    )  # fmt: skip

    first = run("import_notifications", "--from", "csv", path)
    again = run("import_notifications", "--from", "csv", path)

    assert (first.code, first.out, first.err) == (0, summary("3 rows", "line 5", new=3), "")
    assert (again.code, again.out, again.err) == (0, summary("3 rows", "line 5", known=3), "")
    fields = ("sender_id", "type", "title", "message", "link", "data", "created_at", "read_at")
    rows = Notification.objects.order_by("recipient", "id").values_list("recipient_id", *fields)
    assert list(rows) == [
        (alice.pk, bob.pk, "billing", "Paid", "Two\nlines", "/7/", {"n": 7}, THEN, None),
        (alice.pk, None, "general", "Seen", "", "", {}, THEN, THEN),
        (bob.pk, None, "general", "Dated", "", "", {}, datetime(2024, 5, 1, tzinfo=UTC), THEN),
    ]
    assert run("check_inboxes").out == "No problems found.\n"


def test_json_lines_with_keys_and_names_of_their_own(
    run: Run, alice: User, bob: User, tmp_path: Path
) -> None:
    User.objects.filter(pk=alice.pk).update(email="alice@example.com")
    User.objects.filter(pk=bob.pk).update(email="bob@example.com")
    row = {"to": "alice@example.com", "sender": "bob@example.com", "key": "crm:1", "old_id": 1}
    path = write_json_lines(
        tmp_path / "old.jsonl",
        {**row, "title": "First", "read": True, "created_at": "2024-05-01T12:00:00Z"},
        {**row, "title": "The same key again"},
    )
    command = ("import_notifications", "--from", "jsonl", path, "--recipient-field", "email")

    result = run(*command, "--column", "recipient=to", "--ignore", "old_id")

    assert (result.code, result.out, result.err) == (
        0,
        summary("2 rows", "line 2", new=1, known=1),
        "",
    )
    notification = Notification.objects.get()
    assert (notification.title, notification.recipient_id, notification.sender_id) == (
        "First",
        alice.pk,
        bob.pk,
    )
    assert (notification.created_at, notification.read_at) == (THEN, THEN)
    assert notification.idempotency_key == "crm:1"


def test_rows_with_problems_are_reported_and_do_not_stop_the_others(
    run: Run, alice: User, tmp_path: Path
) -> None:
    path = tmp_path / "old.jsonl"
    good = {"recipient": alice.pk, "title": "x"}
    rows: list[Any] = [
        {**good, "title": "good"},
        [1],
        {**good, "recipient": 999_999},
        {**good, "recipient": "ada"},
        {"title": "x"},
        {**good, "title": " "},
        {**good, "title": "T" * 201},
        {**good, "link": "javascript:alert(1)"},
        {**good, "type": "two words"},
        {**good, "created_at": "yesterday"},
        {**good, "read": "perhaps"},
        {**good, "data": [1]},
        {**good, "recipient": [alice.pk]},
        {**good, "recipient": True},
        {**good, "colour": "red"},
        {**good, "sender": 999_999},
        {**good, "title": "also good"},
    ]
    write_json_lines(path, *rows)
    path.write_bytes(path.read_bytes() + b'{"recipient"\n\n\xff\n')

    result = run("import_notifications", "--from", "jsonl", path, "--errors", tmp_path / "errors")

    assert result.code == 1
    problems = [
        ("line 2", "line", "This is not a JSON object.", ""),
        ("line 13", "recipient", "recipient must be a text or a number.", ""),
        ("line 14", "recipient", "recipient must be a text or a number.", ""),
        ("line 11", "read", "read must be true or false.", ""),
        ("line 15", "colour", "There is no column 'colour'.", ""),
        ("line 18", "line", "This is not a JSON object.", ""),
        ("line 20", "line", "This is not a JSON object.", ""),
        ("line 3", "recipient", "There is no such recipient.", "999999"),
        ("line 4", "recipient", "There is no such recipient.", "'ada'"),
        ("line 5", "recipient", "recipient is missing.", ""),
        ("line 6", "title", "title must not be blank.", ""),
        ("line 7", "title", "title must have 200 characters at most.", ""),
        ("line 8", "link", "link must be a path or an http(s) address.", ""),
        (
            "line 9",
            "type",
            "A type consists of letters, digits, '-', '_' and '.', and begins with a letter or digit.",
            "",
        ),
        ("line 10", "created_at", "created_at must be a date, or a date and time.", ""),
        ("line 12", "data", "data must be a JSON object.", ""),
        ("line 16", "sender", "There is no such sender.", "999999"),
    ]
    with (tmp_path / "errors").open(newline="") as file:
        header, *errors = csv.reader(file)
    assert header == ["place", "field", "problem", "value"]
    assert sorted(map(tuple, errors)) == sorted(problems)
    lines = result.err.splitlines()
    assert lines[-1] == "CommandError: 17 rows could not be imported."
    assert sorted(lines[:-1]) == sorted(
        f"{place}: {message}{value and f' ({value})'}" for place, _, message, value in problems
    )
    assert result.out.startswith(summary("19 rows", "line 20", new=2, failed=17))
    assert "  3 with the problem: This is not a JSON object.\n" in result.out
    assert titles(alice) == ["good", "also good"]


def test_cells_that_are_no_csv_are_reported(run: Run, alice: User, tmp_path: Path) -> None:
    path = tmp_path / "old.csv"
    path.write_bytes(
        b"recipient,title,data\n"
        b"%(alice)d,good,\n"
        b"%(alice)d,good,,more\n"
        b"%(alice)d,latin \xe9,\n"
        b'%(alice)d,data,"{1}"\n'
        b"%(alice)d,NUL \x00,\n"
        b"\n"
        b"%(alice)d,also good,\n" % {b"alice": alice.pk}
    )

    result = run("import_notifications", "--from", "csv", path)

    assert (result.code, titles(alice)) == (1, ["good", "also good"])
    assert sorted(result.err.splitlines()) == [
        "CommandError: 4 rows could not be imported.",
        "line 3: The row has another number of cells than the header.",
        "line 4: The row is not valid UTF-8.",
        "line 5: data must be a JSON object.",
        "line 6: title must not contain NUL characters.",
    ]


def test_a_pipe(run: Run, alice: User) -> None:
    reader, writer = os.pipe()
    os.write(writer, json.dumps({"recipient": alice.pk, "title": "x"}).encode())
    os.close(writer)

    result = run("import_notifications", "--from", "jsonl", f"/dev/fd/{reader}")
    os.close(reader)

    assert (result.code, titles(alice)) == (0, ["x"])


def test_a_dry_run_writes_nothing(run: Run, alice: User, tmp_path: Path) -> None:
    rows = ({"recipient": alice.pk, "title": "x"}, {"recipient": alice.pk, "title": ""})
    path = write_json_lines(tmp_path / "old.jsonl", *rows)

    result = run("import_notifications", "--from", "jsonl", path, "--dry-run")

    assert result.code == 1
    assert result.out == (
        "2 rows read: 1 would be imported, 0 imported before, 0 skipped, 1 with problems.\n"
        "The last row is line 2.\n"
        "  1 with the problem: title must not be blank.\n"
    )
    assert (Notification.objects.count(), Inbox.objects.count()) == (0, 0)


def test_long_texts_are_shortened_if_that_is_wanted(run: Run, alice: User, tmp_path: Path) -> None:
    row = {"recipient": alice.pk, "title": "T" * 201, "message": "M" * 4001}
    path = write_json_lines(tmp_path / "old.jsonl", row)

    result = run("import_notifications", "--from", "jsonl", path, "--truncate")

    assert result.code == 0
    notification = Notification.objects.get()
    assert notification.title == "T" * 199 + "…"
    assert notification.message == "M" * 3999 + "…"


def test_lines_up_to_a_number_are_left_out(run: Run, alice: User, tmp_path: Path) -> None:
    rows = [{"recipient": alice.pk, "title": f"n{number}"} for number in range(1, 5)]
    path = write_json_lines(tmp_path / "old.jsonl", *rows)

    run("import_notifications", "--from", "jsonl", path, "--after", 2)

    assert titles(alice) == ["n3", "n4"]


def test_several_pages_keep_their_order(run: Run, alice: User, bob: User, tmp_path: Path) -> None:
    users = (alice, bob)
    rows = [{"recipient": users[n % 2].pk, "title": f"n{n}"} for n in range(4001)]
    path = write_json_lines(tmp_path / "old.jsonl", *rows)

    result = run("import_notifications", "--from", "jsonl", path)

    assert result.out == summary("4001 rows", "line 4001", new=4001)
    assert titles(alice) == [f"n{n}" for n in range(0, 4001, 2)]
    assert titles(bob) == [f"n{n}" for n in range(1, 4001, 2)]
    assert run("check_inboxes").code == 0


def test_any_model_in_pages(run: Run, transactional_db: None) -> None:
    User.objects.bulk_create(User(username=f"user{n}") for n in range(2001))
    first = User.objects.order_by("pk").values_list("pk", flat=True)[0]
    command = ("import_notifications", "--from", "guide", "--model", "auth.User")
    columns = (
        "--column",
        "recipient=pk",
        "--column",
        "title=username",
        "--column",
        "read=is_staff",
    )

    newest = User.objects.latest("pk")
    result = run(*command, *columns, "--column", "created_at=date_joined", "--after", first)

    assert (result.code, result.out, result.err) == (
        0,
        summary("2000 rows", f"auth.User {newest.pk}", new=2000),
        "",
    )
    assert not Notification.objects.filter(recipient=first).exists()
    notification = Notification.objects.get(recipient=newest)
    assert (notification.title, notification.read) == ("user2000", False)
    assert notification.created_at == newest.date_joined


def test_a_model_whose_keys_have_no_order_is_read_in_the_order_of_its_times(
    run: Run, alice: User
) -> None:
    moments = [THEN + timedelta(seconds=n // 2) for n in range(2001)]
    Session.objects.bulk_create(
        # The keys are in another order than the times, which are the same for two each.
        Session(session_key=f"{n % 7}-{n}", session_data=str(alice.pk), expire_date=moment)
        for n, moment in enumerate(moments)
    )
    command = ("import_notifications", "--from", "guide", "--model", "sessions.Session")
    columns = ("recipient=session_data", "title=session_key", "created_at=expire_date")
    options = [part for column in columns for part in ("--column", column)]

    last = f"{2000 % 7}-2000"
    result = run(*command, *options)

    assert (result.code, result.out, result.err) == (
        0,
        summary("2001 rows", f"sessions.Session {last}", new=2001),
        "",
    )
    rows = Notification.objects.order_by("id").values_list("created_at", flat=True)
    assert list(rows) == moments
    refused = run(*command, *options, "--after", "0-0")
    assert refused.err == "CommandError: The keys of sessions.Session have no order.\n"


def test_what_a_user_has_deleted_does_not_come_again_when_an_import_is_resumed(
    run: Run, alice: User, bob: User
) -> None:
    model = ("--from", "guide", "--model", "auth.User", "--resume")
    columns = ("--column", "recipient=pk", "--column", "title=username")
    command = ("import_notifications", *model, *columns)
    assert run(*command).out == summary("2 rows", f"auth.User {bob.pk}", new=2)
    services.delete(user_id=alice.pk, notification_id=Notification.objects.earliest("id").pk)
    # A key that looks like those of another source, and one that is no number.
    for key in ("guide:auth.users:999999", "guide:auth.user:x"):
        services.send(recipient_id=bob.pk, title="sent", idempotency_key=key)
    carol = User.objects.create_user("carol")

    resumed = run(*command)
    refused = run("import_notifications", "--from", "csv", __file__, "--resume")

    assert resumed.out == summary("1 row", f"auth.User {carol.pk}", new=1)
    assert (titles(alice), titles(carol)) == ([], ["carol"])
    assert refused.err == (
        "CommandError: --resume is for tables; for a file, name the line: --after LINE.\n"
    )


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (
            "recipient,title,colour",
            "There is no column 'colour'. Name it: --column OURS=colour, or ",
        ),
        ("recipient,message", "The file must have one column 'title'."),
        ("title", "The file must have one column 'recipient'."),
        ("title,recipient,link,link", "The file must have one column 'link'."),
        ("", "The file must have one column 'recipient'."),
        ("title,recipient,title", "The file must have one column 'title'."),
    ],
)
def test_headers_that_are_refused(
    run: Run, transactional_db: None, tmp_path: Path, header: str, message: str
) -> None:
    path = tmp_path / "old.csv"
    path.write_text(f"{header}\n")

    result = run("import_notifications", "--from", "csv", path)

    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(f"CommandError: {message}")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--from", "hq"),
            "There is no model notifications.Notification. Its app must be in INSTALLED_APPS until the "
            "import is done.",
        ),
        (("--from", "guide"), "--from guide needs the model: --model APP.MODEL."),
        (
            ("--from", "guide", "--model", "auth.User"),
            "auth.User has no field for 'recipient'. Name it: --column recipient=FIELD.",
        ),
        (
            ("--from", "guide", "--model", "auth.User", "--column", "colour=x"),
            "--column takes OURS=THEIRS, not 'colour=x'. Ours are recipient, ",
        ),
        (
            ("--from", "guide", "--model", "live_inbox.Notification"),
            "live_inbox.Notification is the model that notifications are imported into.",
        ),
        (("--from", "csv", "/"), "There is no file /."),
        (("--from", "csv"), "--from csv needs a file."),
        (("--from", "csv", "missing.csv"), "There is no file missing.csv."),
        (("--from", "hq", "file.csv"), "--from hq reads a table, not a file."),
        (("--from", "csv", __file__, "--after", "x"), "--after takes the number of a line."),
        (
            ("--from", "csv", __file__, "--recipient-field", "colour"),
            "The user model has no field 'colour'.",
        ),
        (("--from", "hq", "--recipient-field", "email"), "--recipient-field is for files."),
        (("--from", "csv", __file__, "--errors", "/no/such"), "/no/such cannot be written: No such "),
    ],
)  # fmt: skip
def test_options_that_do_not_fit(run: Run, options: tuple[str, ...], message: str) -> None:
    result = run("import_notifications", *options)

    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(f"CommandError: {message}")
