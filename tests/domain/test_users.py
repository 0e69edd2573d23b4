"""What becomes of inboxes when users are deleted, and of users whose keys are not integers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from live_inbox import selectors, services
from live_inbox.delivery.log import UNTOUCHED
from live_inbox.errors import InvalidInput
from live_inbox.models import Inbox, InboxEvent, Notification, NotificationPreference
from tests.domain.query_counting import queries
from tests.domain.replica import Replica
from tests.stacks.python_process import completed_python

REPOSITORY = Path(__file__).resolve().parents[2]


def test_a_user_who_is_deleted_takes_the_inbox_along(alice: User, bob: User) -> None:
    services.send_many(recipient_ids=[alice.pk, bob.pk], title="x")
    services.set_preference(user_id=alice.pk, type="news", enabled=False)
    key = alice.pk
    alice.delete()
    for model in (Notification, Inbox, InboxEvent):
        assert model._default_manager.count() == 1
    assert not NotificationPreference.objects.exists()
    assert selectors.heads([str(key)]) == {str(key): UNTOUCHED}
    assert Replica.read(bob.pk).total_count == 1
    with pytest.raises(InvalidInput):
        services.send(recipient_id=key, title="x")


def test_what_a_deleted_user_has_sent_stays_without_a_sender(alice: User, bob: User) -> None:
    services.send(recipient_id=alice.pk, title="x", sender_id=bob.pk, idempotency_key="k")
    bob.delete()
    notification = Notification.objects.get()
    assert (notification.sender, notification.idempotency_key) == (None, None)
    assert services.snapshot(notification).sender is None


def test_senders_with_the_same_keys_can_be_deleted(alice: User, bob: User) -> None:
    carol = User.objects.create_user("carol")
    senders = [bob, carol, None]
    for sender in senders:
        services.send(
            recipient_id=alice.pk,
            title="x",
            sender_id=sender and sender.pk,
            idempotency_key="order-1",
        )
    bob.delete()
    carol.delete()
    assert Notification.objects.filter(sender=None).count() == 3
    # The key of the system is still the system's.
    assert services.send(recipient_id=alice.pk, title="x", idempotency_key="order-1").replayed


def test_a_prolific_sender_is_deleted_by_a_fixed_number_of_statements(
    alice: User, bob: User
) -> None:
    def cost(sent: int) -> int:
        sender = User.objects.create_user(f"sender{sent}")
        for n in range(sent):
            services.send(
                recipient_id=alice.pk, title="x", sender_id=sender.pk, idempotency_key=f"{n}"
            )
        with queries() as statements:
            sender.delete()
        assert not any(each.startswith("SELECT") and '"title"' in each for each in statements)
        return len(statements)

    assert cost(1) == cost(30)


def test_the_database_itself_holds_keys_unique(alice: User, bob: User) -> None:
    def insert(**fields: Any) -> None:
        with transaction.atomic():
            row = Notification(
                recipient=alice,
                title="x",
                created_at=alice.date_joined,
                added_sequence=1,
                idempotency_key="k",
                **fields,
            )
            row.save_base(force_insert=True)

    insert(sender=None)
    insert(sender=bob)
    for sender in (None, bob):
        with pytest.raises(IntegrityError):
            insert(sender=sender)


@pytest.mark.parametrize(
    "wrong",
    [
        {"unread_count": 2, "total_count": 1},
        {"unread_count": -1, "total_count": 1},
        {"first_sequence": 3, "last_sequence": 1},
    ],
)
def test_the_database_itself_refuses_counts_that_cannot_be(
    alice: User, wrong: dict[str, int]
) -> None:
    services.send(recipient_id=alice.pk, title="x")
    with pytest.raises(IntegrityError), transaction.atomic():
        Inbox.objects.update(**wrong)


_UUID_USERS = """
import os, sys, uuid
from pathlib import Path

sys.path.insert(0, sys.argv[1])
package = Path(sys.argv[1], "people")
package.mkdir()
package.joinpath("__init__.py").touch()
package.joinpath("models.py").write_text(
    "import uuid\\n"
    "from django.contrib.auth.base_user import AbstractBaseUser\\n"
    "from django.contrib.auth.models import UserManager\\n"
    "from django.db import models\\n"
    "class Person(AbstractBaseUser):\\n"
    "    id = models.UUIDField(primary_key=True, default=uuid.uuid4)\\n"
    "    email = models.CharField(max_length=50, unique=True)\\n"
    "    USERNAME_FIELD = 'email'\\n"
    "    objects = UserManager()\\n"
)
from live_inbox_site import settings
settings.INSTALLED_APPS = [
    "django.contrib.auth", "django.contrib.contenttypes", "people", "live_inbox"
]
settings.AUTH_USER_MODEL = "people.Person"
import django
django.setup()
from django.core.management import call_command
call_command("migrate", run_syncdb=True, verbosity=0)

from people.models import Person
from live_inbox.delivery.log import LogRange
from live_inbox.delivery.position import Position
from live_inbox import selectors, services
from live_inbox.errors import InvalidInput, NotFound
from tests.domain.replica import Replica, log_of

people = [Person.objects.create(email=f"{n}@x") for n in range(12)]
alice, bob = people[:2]
forms = [alice.pk, str(alice.pk), alice.pk.hex, str(alice.pk).upper()]
for n, form in enumerate(forms):
    services.send(recipient_id=form, title="x", sender_id=str(bob.pk), idempotency_key=f"{n}")
assert services.send_many(recipient_ids=[p.pk for p in people] + [str(bob.pk)], title="y").sent == 12
assert services.send_user_detail_approval(recipient_id=str(alice.pk), approved=True).notification
key = str(alice.pk)
inbox = selectors.inbox_state(user_id=key)
assert (inbox.position.sequence, inbox.unread_count, inbox.total_count) == (6, 6, 6)
assert selectors.heads([key, str(uuid.UUID(int=1))])[key].position == inbox.position
events = selectors.events([LogRange(key, 0), LogRange(str(bob.pk), 0)], limit=100)
assert [[event.sequence for event in found] for found in events] == [[1, 2, 3, 4, 5, 6], [1]]
assert {event.inbox for event in events[0]} == {key}
assert events[0][0].notification.sender.id == str(bob.pk)
assert events[0][0].notification.sender.username == ""
newest = selectors.page(user_id=key, limit=1).notifications[0]
services.mark_read(user_id=key, notification_id=newest.id)
services.set_preference(user_id=key, type="news", enabled=False)
assert services.send(recipient_id=key, title="x", type="news").suppressed
services.mark_all_read(user_id=key)
services.delete(user_id=alice.pk, notification_id=newest.id)
for wrong in ("", "x", 7, uuid.UUID(int=1), None):
    try:
        services.send(recipient_id=wrong, title="x")
    except InvalidInput as error:
        assert error.field == "recipient_id"
    else:
        raise AssertionError(wrong)
replica = Replica(Position("", 0), 0, 0, 0, {})
replica.apply_all(log_of(key))
assert replica == Replica.read(alice.pk)
bob.delete()
print("all is well")
"""


def test_users_may_have_uuids_for_keys(tmp_path: Path) -> None:
    environment = os.environ | {
        "DATABASE_URL": f"sqlite:///{tmp_path}/people.sqlite3",
        "REDIS_URL": "",
        "DJANGO_SETTINGS_MODULE": "live_inbox_site.settings",
    }
    done = completed_python("-c", _UUID_USERS, str(tmp_path), environment=environment)
    assert (done.stdout, done.stderr) == ("all is well\n", "")
