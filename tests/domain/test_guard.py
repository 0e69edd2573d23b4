"""Writing notifications with the ORM: what is refused, and what goes through the services."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any, cast

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.core.management import call_command
from django.template import Context, Template
from django.utils import timezone

from live_inbox import UnrecordedWrite, services
from live_inbox.events import Kind
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.models import Notification
from tests.domain.conftest import VerifyEvents
from tests.domain.replica import Replica, log_of

pytestmark = pytest.mark.django_db

Write = Callable[[User, Notification], object]


@pytest.fixture
def one(alice: User) -> Notification:
    """A notification of Alice."""
    notification = services.send(recipient_id=alice.pk, title="x").notification
    assert notification is not None
    return notification


def row(user: User) -> dict[str, Any]:
    return {"recipient": user, "title": "y", "created_at": timezone.now(), "added_sequence": 2}


REFUSED: dict[str, tuple[str, Write]] = {
    "create": ("send()", lambda user, one: Notification.objects.create(**row(user))),
    "get_or_create": (
        "send()",
        lambda user, one: Notification.objects.get_or_create(**row(user)),
    ),
    "update_or_create": (
        "send()",
        lambda user, one: Notification.objects.update_or_create(title="y", defaults=row(user)),
    ),
    "bulk_create": (
        "send_many()",
        lambda user, one: Notification.objects.bulk_create([Notification(**row(user))]),
    ),
    "update": ("mark_all_read()", lambda user, one: Notification.objects.update(title="y")),
    "bulk_update": (
        "mark_read()",
        lambda user, one: Notification.objects.bulk_update([one], ["title"]),
    ),
    "delete": ("delete()", lambda user, one: Notification.objects.filter(pk=one.pk).delete()),
    "delete of a manager": (
        "delete()",
        lambda user, one: cast("Any", Notification.objects).delete(),
    ),
    "save": ("mark_read()", lambda user, one: one.save()),
    "save of a new one": ("send()", lambda user, one: Notification(**row(user)).save()),
    "asave": ("send()", lambda user, one: async_to_sync(one.asave)()),
    "acreate": (
        "send()",
        lambda user, one: async_to_sync(Notification.objects.all().acreate)(**row(user)),
    ),
    "aupdate": (
        "mark",
        lambda user, one: async_to_sync(Notification.objects.all().aupdate)(title="y"),
    ),
    "adelete": ("delete()", lambda user, one: async_to_sync(Notification.objects.all().adelete)()),
    "related create": (
        "send()",
        lambda user, one: user.live_inbox_notifications.create(**row(user)),
    ),
    "related delete": ("delete()", lambda user, one: user.live_inbox_notifications.all().delete()),
    "related update": ("mark", lambda user, one: user.live_inbox_notifications.update(title="y")),
    "sender's clear": ("mark", lambda user, one: user.live_inbox_sent.clear()),
}


@pytest.mark.parametrize("write", REFUSED)
def test_a_write_with_the_orm_is_refused_and_names_the_service(
    alice: User, one: Notification, write: str
) -> None:
    service, attempt = REFUSED[write]
    before = Replica.read(alice.pk)

    with pytest.raises(UnrecordedWrite) as refusal:
        attempt(alice, one)

    assert service in str(refusal.value)
    assert Replica.read(alice.pk) == before
    assert list(check_inboxes()) == []


def test_deleting_an_instance_is_an_event(
    alice: User, one: Notification, verify_events: VerifyEvents
) -> None:
    with verify_events(alice):
        assert one.delete() == (1, {"live_inbox.Notification": 1})

    assert [event.kind for event in log_of(alice.pk)] == [Kind.ADDED, Kind.DELETED]
    assert one.delete() == (0, {})


def test_a_template_that_names_a_write_writes_nothing(alice: User, one: Notification) -> None:
    template = Template("[{{ user.notifications.delete }}{{ user.notifications.create }}]")

    assert template.render(Context({"user": alice})) == "[]"
    assert Notification.objects.count() == 1


def test_deleting_users_is_not_refused(alice: User, bob: User) -> None:
    for recipient, sender in ((alice, bob), (bob, alice)):
        services.send(recipient_id=recipient.pk, sender_id=sender.pk, title="x")

    User.objects.filter(pk=bob.pk).delete()
    assert Notification.objects.get().sender is None
    alice.delete()
    assert not Notification.objects.exists()


def test_a_fixture_loads_with_everything_it_has(alice: User, tmp_path: Path) -> None:
    services.send(recipient_id=alice.pk, title="x")
    fixture = tmp_path / "all.json"
    call_command("dumpdata", "auth.user", "live_inbox", output=fixture, stdout=StringIO())
    User.objects.all().delete()

    call_command("loaddata", fixture, stdout=StringIO())

    assert Notification.objects.get().title == "x"
    assert list(check_inboxes()) == []


def test_a_fixture_without_the_log_is_found_and_repaired(alice: User, tmp_path: Path) -> None:
    services.send(recipient_id=alice.pk, title="x")
    fixture = tmp_path / "notifications.json"
    call_command("dumpdata", "live_inbox.notification", output=fixture, stdout=StringIO())
    services.delete(user_id=alice.pk, notification_id=Notification.objects.get().pk)

    call_command("loaddata", fixture, stdout=StringIO())

    assert list(check_inboxes(fix=True)) != []
    assert list(check_inboxes()) == []
    assert Replica.read(alice.pk).total_count == 1
