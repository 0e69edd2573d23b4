"""manage.py test_notifications, as the original guide has it and beyond."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User

from live_inbox import services
from live_inbox.apps import doorbell
from live_inbox.management.commands import test_notifications
from live_inbox.models import InboxEvent, Notification
from tests.commands.conftest import Run


def test_the_line_of_the_guide(run: Run, alice: User) -> None:
    """`python manage.py test_notifications --user-id 1 --title "Test" --message "Hello World"`"""
    result = run(
        "test_notifications", "--user-id", alice.pk, "--title", "Test", "--message", "Hello World"
    )

    sent = Notification.objects.get()
    assert (sent.recipient, sent.sender) == (alice, None)
    assert (sent.type, sent.title, sent.message) == ("general", "Test", "Hello World")
    assert (result.code, result.err) == (0, "")
    assert result.out == f"Sent notification {sent.pk} to alice.\n"


def test_every_option(run: Run, alice: User, bob: User) -> None:
    options = ("--type", "orders.new", "--link", "/orders/7", "--data", '{"order": 7}')
    result = run("test_notifications", "--user-id", "alice", "--sender-id", "bob", *options)

    sent = Notification.objects.get()
    assert (sent.type, sent.link, sent.data) == ("orders.new", "/orders/7", {"order": 7})
    assert (sent.title, sent.message) == ("Test", "This is a test notification.")
    assert (sent.recipient, sent.sender) == (alice, bob)
    assert result.code == 0


def test_many_are_sent_at_a_pace(run: Run, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(test_notifications.Command, "clock", lambda self: 7.0)
    monkeypatch.setattr(
        test_notifications.Command, "sleep", lambda self, seconds: slept.append(seconds)
    )

    result = run("test_notifications", "--user-id", alice.pk, "--count", 3, "--rate", 0.5)

    ids = Notification.objects.order_by("pk").values_list("pk", flat=True)
    assert re.findall(r"notification (\d+)", result.out) == [str(pk) for pk in ids]
    assert len(ids) == 3
    assert slept == [2.0, 4.0]  # of a clock that stands still


def test_a_type_that_the_user_has_turned_off(run: Run, alice: User) -> None:
    services.set_preference(user_id=alice.pk, type="news", enabled=False)

    result = run("test_notifications", "--user-id", alice.pk, "--type", "news")

    assert result.code == 0
    assert result.out == "Not sent: alice has turned off notifications of this type.\n"
    assert not InboxEvent.objects.exists()


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--user-id", "nobody"), "There is no user with the id or name 'nobody'."),
        (("--sender-id", "nobody"), "There is no user with the id or name 'nobody'."),
        (("--title", " "), "title must not be blank."),
        (("--link", "javascript:x"), "link must be a path or an http(s) address."),
    ],
)
def test_what_the_services_refuse_is_one_line(
    run: Run, alice: User, options: tuple[str, str], line: str
) -> None:
    result = run("test_notifications", "--user-id", "alice", *options)

    assert (result.code, result.out, result.err) == (1, "", f"CommandError: {line}\n")
    assert not InboxEvent.objects.exists()


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ((), "the following arguments are required: --user-id"),
        (
            ("--user-id", "alice", "--count", "0"),
            "argument --count: must be a whole number of at least 1, not '0'.",
        ),
        (
            ("--user-id", "alice", "--rate", "-1"),
            "argument --rate: must be a number above 0, not '-1'.",
        ),
        (
            ("--user-id", "alice", "--data", "[]"),
            """argument --data: must be a JSON object, such as '{"order": 7}'.""",
        ),
    ],
)
def test_arguments_that_make_no_sense(
    run: Run, alice: User, options: tuple[str, ...], line: str
) -> None:
    result = run("test_notifications", *options)

    assert (result.code, result.out) == (2, "")
    assert result.err.splitlines()[-1] == f"manage.py test_notifications: error: {line}"
    assert not InboxEvent.objects.exists()


def test_the_doorbell_has_rung_when_the_command_is_over(
    run: Run, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[int] = []

    def flush() -> bool:
        flushed.append(InboxEvent.objects.count())
        return True

    monkeypatch.setattr(doorbell(), "flush", flush)

    run("test_notifications", "--user-id", alice.pk)

    assert flushed == [1]


def test_a_doorbell_that_is_not_published_is_reported(
    run: Run, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doorbell(), "flush", lambda: False)

    result = run("test_notifications", "--user-id", alice.pk)

    assert result.code == 0
    assert result.err == (
        "The doorbells could not be published in time: open devices see it within 2 seconds.\n"
    )


def test_an_interrupted_run_says_how_far_it_came(
    run: Run, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: object, seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(test_notifications.Command, "sleep", interrupt)

    result = run("test_notifications", "--user-id", alice.pk, "--count", 9, "--rate", 0.001)

    assert result.code == 130
    assert result.err == "Stopped after 1 of 9.\n"
    assert Notification.objects.count() == 1


def test_a_database_without_tables_is_one_line(run: Run, alice: User) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(User._meta, "db_table", "no_such_table")
        result = run("test_notifications", "--user-id", alice.pk)

    assert result.code == 1
    assert result.err.startswith("CommandError: The database refuses: ")
    assert result.err.endswith("Has `manage.py migrate` been run?\n")
    assert result.err.count("\n") == 1
