"""What works with any user model."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

from django.core.management import call_command
from django.utils import timezone

import live_inbox
from live_inbox import selectors
from live_inbox.maintenance.deliveries import deliver_due
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.models import Inbox, InboxEvent, Notification
from live_inbox.services import SentMany, campaign_running, person
from tests.users.people import both_devices, close_code, new_user, serving


def check_the_system_checks_find_nothing() -> None:
    call_command("check", fail_level="WARNING", stdout=io.StringIO())


def check_that_what_is_sent_is_listed() -> None:
    alice, bob = new_user(), new_user()
    live_inbox.send(recipient=alice, sender=bob, title="one")
    live_inbox.send_many(recipients=[alice, bob], title="many")
    page = selectors.page(user_id=str(alice.pk), limit=5)
    assert [row.title for row in page.notifications] == ["many", "one"]
    assert page.notifications[1].sender == person(bob)
    assert list(check_inboxes(user_ids=[alice.pk, bob.pk])) == []


def check_that_a_bulk_send_remembers_its_recipients() -> None:
    alice, bob = new_user(), new_user()
    live_inbox.set_preference(user=bob, type="general", enabled=False)
    for found in (SentMany(sent=1, suppressed=1), SentMany(sent=0, suppressed=1, replayed=1)):
        sent = live_inbox.send_many(
            recipients=[alice, bob], title="many", sender=bob, idempotency_key="k"
        )
        assert sent == found
        assert set(sent.notification_ids) == {alice.pk}
        live_inbox.set_preference(user=bob, type="general", enabled=True)
        for notification in alice.live_inbox_notifications.all():
            notification.delete()


def check_that_who_wants_a_type_is_found_whatever_names_them() -> None:
    alice, bob, carol = new_user(), new_user(), new_user()
    live_inbox.set_preference(user=bob, type="wanted", enabled=False)
    given: list[Any] = [carol, str(bob.pk), str(alice.pk)]
    assert live_inbox.who_wants(users=given, type="wanted") == [carol, str(alice.pk)]
    assert not live_inbox.wants(user=bob.pk, type="wanted")


def check_that_a_campaign_goes_page_by_page_and_is_recalled() -> None:
    users = [new_user() for _ in range(5)]
    for user in users[1:]:
        assert live_inbox.subscribe(user=user, topic="news")
    campaign_running.STEP_RECIPIENTS = 2
    for audience in ({"topic": "news"}, {"recipients": users[1:]}):
        started: Any = live_inbox.start_campaign(title="x", sender=users[0], **audience)
        done = live_inbox.run_campaign(started.id)
        assert (done.total, done.sent, done.sender_id) == (4, 4, users[0].pk)
        assert all(user.live_inbox_notifications.count() == 1 for user in users[1:])
        live_inbox.recall_campaign(done.id)
        assert live_inbox.run_campaign(done.id).recalled == 4
    everybody = live_inbox.start_campaign(title="x", everybody=True)
    done = live_inbox.run_campaign(everybody.id)
    assert done.sent == done.total > 0
    assert list(check_inboxes()) == []


def check_that_what_was_sent_is_changed_and_taken_back() -> None:
    alice, bob = new_user(), new_user()
    live_inbox.send(recipient=alice, sender=bob, title="one", idempotency_key="k")
    assert live_inbox.edit(sender=bob, idempotency_key="k", title="two").changed
    page = selectors.page(user_id=str(alice.pk), limit=5)
    assert [row.title for row in page.notifications] == ["two"]
    assert live_inbox.recall(sender=bob, idempotency_key="k")
    assert list(check_inboxes(user_ids=[alice.pk, bob.pk])) == []


def check_that_what_is_scheduled_arrives() -> None:
    alice, bob = new_user(), new_user()
    content: Any = {"title": "later", "sender": bob, "deliver_at": timedelta(hours=1)}
    for _ in range(2):
        live_inbox.send(recipient=alice, idempotency_key="l", **content)
        sent = live_inbox.send_many(recipients=[alice, bob], idempotency_key="l", **content)
        assert sent == SentMany(sent=0, suppressed=0, scheduled=2)
    now = timezone.now()
    assert deliver_due(now=now + timedelta(hours=2)) == 3
    assert live_inbox.send_many(
        recipients=[alice, bob], idempotency_key="l", **content
    ) == SentMany(sent=0, suppressed=0, replayed=2)
    page = selectors.page(user_id=str(alice.pk), limit=5)
    assert [row.title for row in page.notifications] == ["later"] * 2
    assert page.notifications[0].sender == person(bob)


def check_that_both_apis_serve_the_user() -> None:
    alice, bob = new_user(), new_user()
    with serving() as server, both_devices(server, alice) as (graphql, original):
        key: Any = str(alice.pk)
        assert graphql.send(key, "by GraphQL") == original.next_change().notification_id
        graphql.next_change()
        assert original.send(key, "by JSON") == graphql.next_change().notification_id
        live_inbox.send(recipient=alice, sender=bob, title="by the project")
        shown = graphql.next_change().notification
        assert shown is not None
        assert shown.title == "by the project"
        assert original.list().total == 3


def check_that_a_sender_is_shown_without_an_address() -> None:
    alice, bob = new_user(), new_user()
    query = "{ notifications { nodes { sender { username name } } } viewer { id } }"
    live_inbox.send(recipient=alice, sender=bob, title="x")
    with serving() as server, both_devices(server, alice) as (graphql, _):
        answer = graphql.ask(query)
    assert answer["notifications"]["nodes"] == [{"sender": {"username": "", "name": ""}}]
    assert answer["viewer"] == {"id": f"user:{alice.pk}"}


def check_that_a_deleted_user_loses_sockets_and_inbox() -> None:
    alice, bob = new_user(), new_user()
    sent = live_inbox.send(recipient=bob, sender=alice, title="x").notification
    live_inbox.send(recipient=alice, title="x")
    key = alice.pk
    with serving() as server, both_devices(server, alice) as devices:
        alice.delete()
        assert [close_code(device) for device in devices] == [4403, 4403]
    assert not Inbox.objects.filter(pk=key).exists()
    assert not InboxEvent.objects.filter(inbox=key).exists()
    assert sent is not None
    assert Notification.objects.get(pk=sent.pk).sender is None


def check_that_commands_find_users_by_name() -> None:
    alice = new_user()
    printed = io.StringIO()
    call_command("issue_token", user=alice.get_username(), quiet=True, stdout=printed)
    assert printed.getvalue().count(".") == 2
    call_command("revoke_tokens", user=alice.get_username(), stdout=io.StringIO())


def check_that_a_user_is_exported_and_erased() -> None:
    alice, bob = new_user(), new_user()
    key = alice.pk
    live_inbox.send(recipient=bob, sender=alice, title="from alice", actor=alice, target=alice)
    live_inbox.send_many(recipients=[alice, bob], title="x", sender=bob, idempotency_key="erased")
    later: Any = {"title": "x", "deliver_at": timedelta(days=1)}
    live_inbox.start_campaign(recipients=[alice, bob], actor=alice, **later)
    live_inbox.send(recipient=bob, actor=alice, **later)
    found = {each["record"] for each in live_inbox.export_user(user=key)}
    assert found == {
        "user",
        "sent",
        "named_in_notification",
        "named_in_event",
        "named_in_scheduled",
        "named_in_campaign",
        "bulk_send_outcome",
        "notification",
        "event",
        "inbox",
    }
    # Half of it is found without the account.
    alice.delete()
    done = live_inbox.erase_user(user=key)
    assert done.left == {}
    assert [each["record"] for each in live_inbox.export_user(user=key)] == ["user"]
    shown = Notification.objects.get(recipient=bob, title="from alice")
    assert (shown.sender, shown.actor, shown.target) == (None, None, None)
    assert list(check_inboxes(user_ids=[bob.pk])) == []
