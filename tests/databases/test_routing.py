"""Everything goes to the one database that the routers choose for the inbox, reads and raw SQL included."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.admin import site
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_out
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client, RequestFactory
from django.utils import timezone

import live_inbox
from live_inbox import selectors
from live_inbox.admin.sending import SendForm
from live_inbox.admin.timeline import timeline
from live_inbox.apps import deployment_id
from live_inbox.database_log import DatabaseLog
from live_inbox.delivery.log import LogRange
from live_inbox.delivery.position import Position
from live_inbox.errors import NotFound
from live_inbox.identity.accounts import AccountConfig, account_for
from live_inbox.identity.callers import Caller, authenticate
from live_inbox.identity.errors import AuthenticationFailed, Reason
from live_inbox.identity.issuing import issue_token
from live_inbox.identity.revocation import revoke_tokens
from live_inbox.identity.tokens import VerifiedToken
from live_inbox.importing.resuming import last_imported
from live_inbox.maintenance.bulk_send_pruning import prune_bulk_sends
from live_inbox.maintenance.expiry import expire_due
from live_inbox.maintenance.pruning import prune_events
from live_inbox.maintenance.repair import check_inboxes, renew_epochs
from live_inbox.models import BulkSend, Inbox, InboxEvent, Notification, NotificationPreference
from live_inbox.services.send_for_caller import send_for_caller
from live_inbox.testing import SentNotifications, inbox_of
from tests.domain.doorbells import RememberingDoorbell
from tests.domain.replica import Replica


@pytest.fixture
def alice(routed: str) -> User:
    """A user of the database of the inbox: the replica does not have her yet."""
    return User.objects.db_manager(routed).create_user("alice", is_staff=True, is_superuser=True)


def test_sending(alice: User, routed: str, bell: RememberingDoorbell) -> None:
    first = live_inbox.send(recipient=alice, sender=alice, title="one", idempotency_key="k")
    again = live_inbox.send(recipient=alice, sender=alice, title="one", idempotency_key="k")
    assert (first.replayed, again.replayed) == (False, True)
    assert first.notification is not None
    assert first.notification._state.db == routed
    assert live_inbox.send_many(recipients=[alice], sender=alice, title="two").sent == 1
    send_for_caller(Caller(alice), recipient_id=alice.pk, title="three")
    assert Notification.objects.using(routed).count() == 3
    assert [event.sequence for event in bell.events(alice.pk)] == [1, 2, 3]


def test_marking_and_deleting(alice: User, routed: str, bell: RememberingDoorbell) -> None:
    ids = [_send(alice), _send(alice), _send(alice)]
    assert live_inbox.mark_read(user=alice, notification_id=ids[0]).changed
    assert live_inbox.mark_unread(user=alice, notification_id=ids[0]).changed
    assert live_inbox.mark_all_read(user=alice).count == 3
    assert live_inbox.delete(user=alice, notification_id=ids[1]).total_count == 2
    with pytest.raises(NotFound):
        live_inbox.delete(user=alice, notification_id=ids[1])
    assert Inbox.objects.using(routed).get().last_sequence == 7
    assert len(bell.events(alice.pk)) == 7


def test_preferences(alice: User, routed: str) -> None:
    live_inbox.set_preference(user=alice, type="news", enabled=False)
    assert live_inbox.send(recipient=alice, title="x", type="news").suppressed
    (state,) = selectors.preferences(user_id=alice.pk)
    assert (state.type, state.enabled) == ("news", False)
    assert NotificationPreference.objects.using(routed).count() == 1


def test_reading(alice: User) -> None:
    key = _send(alice)
    page = selectors.page(user_id=alice.pk, limit=5, types=["general"], read=False)
    assert [each.id for each in page.notifications] == [key]
    assert selectors.page(user_id=alice.pk, limit=5, types=["other"]).inbox.total_count == 1
    assert selectors.notification(user_id=alice.pk, notification_id=key).title == "x"
    state = selectors.inbox_state(user_id=alice.pk)
    assert selectors.heads([str(alice.pk)])[str(alice.pk)].position == state.position
    (events,) = selectors.events([LogRange(str(alice.pk), 0)], limit=5)
    assert [event.sequence for event in events] == [1]
    assert Replica.read(alice.pk).position == state.position


def test_the_hub_reads_the_log(alice: User) -> None:
    _send(alice)
    key = str(alice.pk)
    heads = asyncio.run(DatabaseLog().heads([key]))
    assert isinstance(heads[key].position, Position)
    ((event,),) = asyncio.run(DatabaseLog().read([LogRange(key, 0)], limit=5))
    assert event.sequence == 1
    assert asyncio.run(DatabaseLog().deployment()) == deployment_id()


def test_maintenance(alice: User, routed: str) -> None:
    _send(alice, expires_at=timezone.now() + timedelta(hours=1))
    _send(alice)
    assert expire_due(now=timezone.now() + timedelta(hours=2)).notifications == 1
    tomorrow = timezone.now() + timedelta(days=1)
    assert prune_events(keep_days=0, now=tomorrow).events == 3
    live_inbox.send_many(recipients=[alice], title="x", idempotency_key="k")
    assert live_inbox.send_many(recipients=[alice], title="x", idempotency_key="k").replayed == 1
    assert BulkSend.objects.using(routed).count() == 1
    assert prune_bulk_sends(now=timezone.now() + timedelta(days=31)) == 1
    assert prune_events(keep_days=0, now=tomorrow).events == 1
    assert list(check_inboxes()) == []
    assert renew_epochs() == 1
    Inbox.objects.using(routed).update(unread_count=0)
    assert len(list(check_inboxes(fix=True))) == 1
    Inbox.objects.using(routed).all().delete()
    assert len(list(check_inboxes(fix=True))) == 1
    assert list(check_inboxes()) == []
    assert InboxEvent.objects.using(routed).count() == 0


def test_accounts_and_tokens(alice: User, routed: str) -> None:
    token = issue_token(alice, ttl_seconds=600)
    assert async_to_sync(authenticate)(token).user_id == str(alice.pk)
    revoke_tokens(user_id=alice.pk, now=timezone.now() + timedelta(seconds=60))
    revoke_tokens(user_id=alice.pk, now=timezone.now() + timedelta(seconds=90))
    with pytest.raises(AuthenticationFailed) as caught:
        async_to_sync(authenticate)(token)
    assert caught.value.reason is Reason.REVOKED
    unknown = VerifiedToken(user_ref="bob", scopes=frozenset(), issued_at=None, expires_at=2e9)
    account_for(unknown, AccountConfig(user_field="username", create_users=True))
    assert User.objects.using(routed).filter(username="bob").exists()


def test_commands(alice: User, routed: str, capsys: pytest.CaptureFixture[str]) -> None:
    _send(alice)
    call_command("issue_token", "--user", "alice")
    call_command("revoke_tokens", "--user", "alice")
    call_command("prune_events")
    call_command("check_inboxes")
    assert "No problems found." in capsys.readouterr().out


def test_graphql(alice: User, routed: str) -> None:
    client = Client(headers={"Authorization": f"Bearer {issue_token(alice, ttl_seconds=600)}"})
    text = 'mutation {{ send(input: {{recipientId: "{}", title: "x"}}) {{ suppressed }} }}'
    for query in (
        text.format(alice.pk),
        "{ viewer { username } notifications { totalCount } notificationPreferences { type } }",
    ):
        answer = client.post("/graphql/", {"query": query}, content_type="application/json")
        assert "errors" not in answer.json(), answer.json()
    assert Notification.objects.using(routed).count() == 1


def test_the_admin(alice: User, routed: str, rf: RequestFactory) -> None:
    key = _send(alice)
    request = rf.get("/")
    request.user = alice
    pages = [site.get_model_admin(model) for model in (Notification, Inbox, InboxEvent)]
    assert [page.get_queryset(request).count() for page in pages] == [1, 1, 1]
    (row,) = timeline(Inbox.objects.using(routed).get(), linked=True).rows
    assert row.url == f"/admin/live_inbox/notification/{key}/change/"
    form = SendForm({"everybody": "on", "type": "general", "title": "x"}, site=site)
    assert form.is_valid()
    assert form.send(alice) is not None
    assert Notification.objects.using(routed).count() == 2


def test_readiness(routed: str, client: Client) -> None:
    assert client.get("/readyz").status_code == 200


def test_the_doorbell_waits_for_the_commit_of_that_database(
    alice: User, routed: str, bell: RememberingDoorbell
) -> None:
    with transaction.atomic(using=routed):
        _send(alice)
        assert bell.rings == []
    assert len(bell.rings) == 1


def test_a_transaction_on_another_database_is_not_joined(
    alice: User, routed: str, bell: RememberingDoorbell
) -> None:
    with pytest.raises(RuntimeError, match="undone"), transaction.atomic(using="default"):
        _send(alice)
        assert len(bell.rings) == 1
        raise RuntimeError("undone")
    assert Notification.objects.using(routed).count() == 1


def test_a_sign_up_creates_the_user_and_sends_a_welcome_in_one_transaction(routed: str) -> None:
    with transaction.atomic(using=routed):
        user = User.objects.db_manager(routed).create_user("carol")
        live_inbox.send(recipient=user, title="Welcome")
    assert Notification.objects.using(routed).get().recipient_id == user.pk


def test_what_the_transaction_of_the_caller_takes_back_is_gone(
    alice: User, routed: str, bell: RememberingDoorbell
) -> None:
    with pytest.raises(IntegrityError), transaction.atomic(using=routed):
        _send(alice)
        User.objects.using(routed).create(username="alice")
    assert bell.rings == []
    assert not Notification.objects.using(routed).exists()


def _send(user: User, **content: Any) -> int:
    sent = live_inbox.send(recipient=user, title="x", **content)
    assert sent.notification is not None
    return int(sent.notification.pk)


def test_what_ends_sockets_is_announced_after_the_commit_of_the_inboxs_database(
    alice: User, routed: str, bell: RememberingDoorbell
) -> None:
    with transaction.atomic(using=routed):
        user_logged_out.send(sender=User, request=None, user=alice)
        call_command("revoke_tokens", user="alice", stdout=StringIO())
        assert bell.account_changes == []
    assert bell.account_changes == [[f"signed-out.{alice.pk}", str(alice.pk)]]


def test_a_project_without_autocommit_deactivates_and_sends(
    alice: User, routed: str, bell: RememberingDoorbell
) -> None:
    """There, Django lets nothing wait for a commit outside of a block, and calls it once autocommit is on again."""
    transaction.set_autocommit(False, using=routed)
    try:
        alice.is_active = False
        alice.save()
        _send(alice)
        transaction.commit(using=routed)
        assert bell.account_changes == []
    finally:
        transaction.set_autocommit(True, using=routed)
    assert bell.account_changes == [[str(alice.pk)]]
    assert Notification.objects.using(routed).get().recipient_id == alice.pk


def test_the_tools_for_tests_read_the_inboxs_database(alice: User, routed: str) -> None:
    sent = SentNotifications()
    live_inbox.send(recipient=alice, title="one", idempotency_key="p:7")
    assert sent.titles == ["one"]
    assert inbox_of(alice).titles == ["one"]
    assert last_imported("p:") == 7
