"""The names that `live_inbox` exports, as other code uses them."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import TestCase

import live_inbox
from live_inbox import public_api
from live_inbox.models import Inbox, Notification

FUNCTIONS = (
    "send",
    "send_many",
    "mark_read",
    "mark_unread",
    "mark_all_read",
    "delete",
    "set_preference",
    "wants",
    "who_wants",
    "erase_user",
)


@pytest.fixture
def alice(transactional_db: None) -> User:
    """The primary recipient."""
    return User.objects.create_user("alice")


def counts(user: User) -> tuple[int, int]:
    """Return the unread count and the total count of a user's inbox."""
    inbox = Inbox.objects.get(pk=user.pk)
    return inbox.unread_count, inbox.total_count


def test_it_can_be_imported_before_django_is_set_up() -> None:
    code = (
        "import live_inbox; print(live_inbox.__version__, 'django.db' in __import__('sys').modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [live_inbox.__version__, "False"]


def test_every_public_name_exists_and_is_documented() -> None:
    for name in live_inbox.__all__:
        value = getattr(live_inbox, name)
        assert name in dir(live_inbox)
        assert name == "__version__" or inspect.getdoc(value), name


def test_every_function_has_an_asynchronous_twin() -> None:
    for name in FUNCTIONS:
        twin = getattr(live_inbox, f"a{name}")
        assert inspect.iscoroutinefunction(twin)
        assert twin.__name__ == f"a{name}"
        assert {name, f"a{name}"} <= set(live_inbox.__all__)


def test_other_names_do_not_exist() -> None:
    with pytest.raises(AttributeError, match="module 'live_inbox' has no attribute 'sned'"):
        _ = live_inbox.sned


@pytest.mark.parametrize("key", [False, True])
def test_a_recipient_is_a_user_or_a_primary_key(alice: User, key: bool) -> None:
    sent = live_inbox.send(recipient=alice.pk if key else alice, sender=alice, title="Hello")
    assert sent.notification is not None
    assert (sent.notification.recipient_id, sent.notification.sender_id) == (alice.pk, alice.pk)
    assert counts(alice) == (1, 1)


def test_each_function_changes_the_inbox(alice: User) -> None:
    bob = User.objects.create_user("bob")
    assert live_inbox.send_many(recipients=[alice, bob.pk], title="To both").sent == 2
    number = Notification.objects.get(recipient=alice).pk
    assert live_inbox.mark_read(user=alice, notification_id=number).unread_count == 0
    assert live_inbox.mark_unread(user=alice.pk, notification_id=number).unread_count == 1
    assert live_inbox.mark_all_read(user=alice).count == 1
    assert live_inbox.delete(user=alice, notification_id=number).total_count == 0
    assert not live_inbox.set_preference(user=alice, type="news", enabled=False).enabled
    assert live_inbox.send(recipient=alice, title="Unwanted", type="news").suppressed
    assert counts(alice) == (0, 0)
    assert counts(bob) == (1, 1)


def test_a_refused_field_is_named_and_nothing_is_written(alice: User) -> None:
    with pytest.raises(live_inbox.InvalidInput) as caught:
        live_inbox.send(recipient=alice, title=" ")
    assert caught.value.field == "title"
    assert not Inbox.objects.exists()


@pytest.mark.parametrize("fields", [{}, {"title": "x", "titel": "x"}])
def test_missing_and_unknown_arguments_are_type_errors(alice: User, fields: Any) -> None:
    with pytest.raises(TypeError, match="titel" if fields else "title"):
        live_inbox.send(recipient=alice, **fields)


async def test_a_twin_commits_its_own_transaction(transactional_db: None) -> None:
    alice = await User.objects.acreate_user("alice")
    sent = await live_inbox.asend(recipient=alice, title="Hello")
    assert sent.notification is not None
    read = await live_inbox.amark_read(user=alice, notification_id=sent.notification.pk)
    assert read.unread_count == 0
    assert (
        await live_inbox.adelete(user=alice, notification_id=sent.notification.pk)
    ).total_count == 0
    with pytest.raises(live_inbox.NotFound):
        await live_inbox.adelete(user=alice, notification_id=sent.notification.pk)


def test_a_twin_joins_the_transaction_of_synchronous_code(alice: User) -> None:
    class Undo(Exception):
        """Rolls the transaction back."""

    with pytest.raises(Undo), transaction.atomic():
        async_to_sync(public_api.asend)(recipient=alice, title="Never sent")
        assert counts(alice) == (1, 1)
        raise Undo
    assert not Inbox.objects.exists()


class TestInsideTestCase(TestCase):
    """Django's TestCase holds a transaction open in the main thread."""

    async def test_an_asynchronous_test_sees_what_it_sends(self) -> None:
        alice = await User.objects.acreate_user("alice")
        await live_inbox.asend(recipient=alice, title="Hello")
        assert await Notification.objects.acount() == 1
        assert connection.vendor in ("sqlite", "postgresql")


def test_the_public_modules_need_no_import_of_their_own() -> None:
    script = "import live_inbox; print(live_inbox.asgi.mount.__name__)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "mount\n"
    with pytest.raises(AttributeError, match="has no attribute 'feeds'"):
        getattr(live_inbox, "feeds")  # noqa: B009


def test_a_notification_is_named_by_its_number_or_by_itself(alice: User) -> None:
    sent = live_inbox.send(
        recipient=alice, title="x", message=None, link=None, type=None
    ).notification
    assert sent is not None
    assert (sent.message, sent.link, sent.type) == ("", "", "general")
    assert live_inbox.mark_read(user=str(alice.pk), notification_id=sent).changed
    assert live_inbox.mark_unread(user=alice, notification_id=str(sent.pk)).changed
    assert live_inbox.delete(user=alice.pk, notification_id=sent.pk).total_count == 0


@pytest.mark.parametrize("wrong", ["abc", None, 1.5, True, 2**63, "", "²"])
def test_what_is_no_number_of_a_notification_is_refused(alice: User, wrong: Any) -> None:
    for function in (live_inbox.mark_read, live_inbox.mark_unread, live_inbox.delete):
        with pytest.raises(live_inbox.InvalidInput) as caught:
            function(user=alice, notification_id=wrong)
        assert caught.value.field == "notification_id"


@pytest.mark.parametrize("user", ["no key", None, 10**30, -1])
def test_what_is_no_user_is_refused(alice: User, user: Any) -> None:
    calls: list[Any] = [
        lambda: live_inbox.send(recipient=user, title="x"),
        lambda: live_inbox.set_preference(user=user, type="news", enabled=False),
    ]
    if user != -1:
        calls += [
            lambda: live_inbox.mark_read(user=user, notification_id=1),
            lambda: live_inbox.mark_all_read(user=user),
            lambda: live_inbox.delete(user=user, notification_id=1),
        ]
    for call in calls:
        with transaction.atomic(), pytest.raises(live_inbox.InvalidInput) as caught:
            call()
        assert caught.value.field in ("recipient", "user")


@pytest.mark.parametrize("enabled", ["no", None, 1])
def test_a_preference_is_true_or_false(alice: User, enabled: Any) -> None:
    with pytest.raises(live_inbox.InvalidInput) as caught:
        live_inbox.set_preference(user=alice, type="news", enabled=enabled)
    assert caught.value.field == "enabled"
