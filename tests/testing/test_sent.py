"""What a test has sent: the fixture and the mixin."""

from __future__ import annotations

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import transaction
from django.test import TestCase, TransactionTestCase

import live_inbox
from live_inbox.maintenance.expiry import expire_due
from live_inbox.testing import CaptureNotifications, SentNotifications


@pytest.fixture
def alice(db: None) -> User:
    """The primary recipient."""
    return User.objects.create_user("alice")


@pytest.fixture
def bob(db: None) -> User:
    """Somebody else."""
    return User.objects.create_user("bob")


def test_the_fixture_has_what_was_sent_in_order(
    alice: User, bob: User, sent_notifications: SentNotifications
) -> None:
    assert list(sent_notifications) == []
    assert not sent_notifications

    live_inbox.send(recipient=alice, sender=bob, title="a", link="/a/", data={"n": 1})
    live_inbox.send_many(recipients=[bob, alice], title="b", message="all", type="news")

    assert [(sent.recipient, sent.title) for sent in sent_notifications] == [
        (alice, "a"),
        (alice, "b"),
        (bob, "b"),
    ]
    first, second = sent_notifications.to(alice)
    assert (first.link, first.data, first.type) == ("/a/", {"n": 1}, "general")
    assert first.notification.sender is not None
    assert first.notification.sender.username == "bob"
    assert (second.message, second.type) == ("all", "news")
    assert len(sent_notifications) == 3
    assert sent_notifications[-1].recipient == bob
    assert sent_notifications.titles == ["a", "b", "b"]


def test_what_came_before_does_not_count(
    alice: User, sent_notifications: SentNotifications
) -> None:
    live_inbox.send(recipient=alice, title="before")
    sent_notifications.clear()
    live_inbox.send(recipient=alice, title="after")
    assert SentNotifications().titles == []
    assert sent_notifications.titles == ["after"]


def test_a_rollback_takes_away_what_was_sent(
    alice: User, sent_notifications: SentNotifications
) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        live_inbox.send(recipient=alice, title="undone")
        assert sent_notifications.titles == ["undone"]
        raise ZeroDivisionError
    live_inbox.send(recipient=alice, title="kept")
    assert sent_notifications.titles == ["kept"]


def test_what_is_deleted_is_gone(alice: User, sent_notifications: SentNotifications) -> None:
    sent = live_inbox.send(recipient=alice, title="x").notification
    assert sent is not None
    live_inbox.send(recipient=alice, title="y")
    live_inbox.delete(user=alice, notification_id=sent.pk)
    assert sent_notifications.titles == ["y"]
    assert len(sent_notifications) == 1


def test_what_nobody_wants_is_not_sent(alice: User, sent_notifications: SentNotifications) -> None:
    live_inbox.set_preference(user=alice, type="news", enabled=False)
    live_inbox.send(recipient=alice, title="x", type="news")
    expire_due()
    assert not sent_notifications


@pytest.mark.django_db(transaction=True)
async def test_the_fixture_works_with_commits(sent_notifications: SentNotifications) -> None:
    alice = await User.objects.acreate(username="alice")
    await live_inbox.asend(recipient=alice, title="x")
    assert await sync_to_async(lambda: sent_notifications.titles)() == ["x"]


class Cases(CaptureNotifications):
    """What the mixin does in either kind of test case."""

    def setUp(self) -> None:
        super().setUp()
        self.alice = User.objects.create_user("alice")
        self.bob = User.objects.create_user("bob")

    def test_nothing(self) -> None:
        self.assertNothingSent()
        self.assertNotSent(self.alice)
        with pytest.raises(AssertionError, match=r"Nothing like \{\} was sent to alice, but"):
            self.assertSent(self.alice)

    def test_something(self) -> None:
        live_inbox.send(recipient=self.alice, sender=self.bob, title="Shipped", link="/7/")

        found = self.assertSent(self.alice, title="Shipped", sender=self.bob)
        assert found.link == "/7/"
        assert self.notifications_of(self.alice) == [found]
        self.assertNotSent(self.alice, title="Paid")
        self.assertNotSent(self.alice, sender=None)
        self.assertNotSent(self.bob)
        for fails in (
            lambda: self.assertSent(self.alice, title="Paid"),
            lambda: self.assertSent(self.bob, title="Shipped"),
            lambda: self.assertNotSent(self.alice, link="/7/"),
            self.assertNothingSent,
        ):
            with pytest.raises(AssertionError):
                fails()

    def test_a_field_that_does_not_exist(self) -> None:
        live_inbox.send(recipient=self.alice, title="Shipped")
        with pytest.raises(AttributeError):
            self.assertNotSent(self.alice, titel="Shipped")


class InTestCase(Cases, TestCase):
    """In a transaction that is never committed."""


class InTransactionTestCase(Cases, TransactionTestCase):
    """With commits."""
