"""Devices of a test: events without a server, without commits."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import transaction
from django.test import TestCase, TransactionTestCase

import live_inbox
from live_inbox.events import Event, Kind, Reset
from live_inbox.maintenance.repair import renew_epochs
from live_inbox.testing import ainbox_of, connect, inbox_of, subscribe

QUERY = """subscription ($after: String) {
  notificationEvents(after: $after) {
    __typename unreadCount
    ... on NotificationAdded { notification { title } }
  }
}"""


class Cases:
    """What works in either kind of test case."""

    alice: User

    def setUp(self) -> None:
        self.alice = User.objects.create_user("alice")

    async def test_a_device_receives_what_happens(self) -> None:
        await live_inbox.asend(recipient=self.alice, title="before")
        async with connect(self.alice) as device:
            await live_inbox.asend(recipient=self.alice, title="Shipped")
            await live_inbox.amark_all_read(user=self.alice)
            await live_inbox.asend(recipient=self.alice, title="Paid")

            assert (await device.next_added()).title == "Shipped"
            assert (await device.next_event(Kind.ALL_READ)).count == 2
            assert (await device.next_added()).title == "Paid"
            assert await device.received() == []

    async def test_an_event_that_comes_while_the_device_waits(self) -> None:
        async with connect(self.alice) as device:
            assert device.position.is_origin
            waiting = asyncio.create_task(device.next_added())
            await asyncio.sleep(0)
            await live_inbox.asend(recipient=self.alice, title="Shipped")
            assert (await waiting).title == "Shipped"

    async def test_a_device_resumes(self) -> None:
        async with connect(self.alice) as device:
            await live_inbox.asend(recipient=self.alice, title="a")
            await device.next_added()
        await live_inbox.asend(recipient=self.alice, title="b")
        async with connect(self.alice.pk, after=device.position) as device:
            assert (await device.next_added()).title == "b"

    async def test_a_device_that_gets_nothing_fails_and_goes_on(self) -> None:
        async with connect(self.alice) as device:
            with pytest.raises(AssertionError, match="no event within 0"):
                await device.next(within=0)
            await live_inbox.asend(recipient=self.alice, title="a")
            assert (await device.next_added()).title == "a"

    async def test_two_devices_of_a_user_and_one_of_another(self) -> None:
        bob = await User.objects.acreate(username="bob")
        async with connect(self.alice) as one, connect(self.alice) as two, connect(bob) as other:
            await live_inbox.asend_many(recipients=[self.alice, bob], title="x")
            await live_inbox.asend(recipient=self.alice, title="y")
            for device in (one, two):
                assert [title(item) for item in await device.received()] == ["x", "y"]
            assert [title(item) for item in await other.received()] == ["x"]

    async def test_a_reset_is_received(self) -> None:
        await live_inbox.asend(recipient=self.alice, title="a")
        async with connect(self.alice) as device:
            await sync_to_async(renew_epochs)()
            (item,) = await device.received()
            assert isinstance(item, Reset)
            await live_inbox.asend(recipient=self.alice, title="b")
            assert (await device.next_added()).title == "b"

    async def test_a_graphql_subscription(self) -> None:
        await live_inbox.asend(recipient=self.alice, title="a")
        position = str((await ainbox_of(self.alice)).position)
        await live_inbox.asend(recipient=self.alice, title="b")
        async with subscribe(self.alice, QUERY, {"after": position}) as device:
            await live_inbox.amark_all_read(user=self.alice)
            assert await device.next() == {
                "notificationEvents": {
                    "__typename": "NotificationAdded",
                    "unreadCount": 2,
                    "notification": {"title": "b"},
                }
            }
            assert await device.next() == {
                "notificationEvents": {"__typename": "AllNotificationsRead", "unreadCount": 0}
            }

    async def test_a_graphql_subscription_without_a_position_begins_at_once(self) -> None:
        await live_inbox.asend(recipient=self.alice, title="a")
        async with subscribe(self.alice.pk, QUERY) as device:
            await live_inbox.asend(recipient=self.alice, title="b")
            data = await device.next()
            assert data["notificationEvents"]["notification"] == {"title": "b"}

    async def test_a_graphql_subscription_with_a_mistake(self) -> None:
        async with subscribe(self.alice, "subscription { nothing }") as device:
            with pytest.raises(AssertionError, match="Cannot query field 'nothing'"):
                await device.next()
            with pytest.raises(AssertionError, match="has ended"):
                await device.next()

    def test_a_synchronous_device(self) -> None:
        live_inbox.send(recipient=self.alice, title="before")
        with connect(self.alice) as device:
            assert device.received() == []
            live_inbox.send(recipient=self.alice, title="a")
            live_inbox.mark_all_read(user=self.alice)
            live_inbox.send(recipient=self.alice, title="b")

            assert device.next_added().title == "a"
            assert device.next_event(Kind.ALL_READ, Kind.READ).count == 2
            assert [title(item) for item in device.received()] == ["b"]
            with pytest.raises(AssertionError, match="There is no event"):
                device.next()

    def test_a_rolled_back_send_is_not_received(self) -> None:
        with connect(self.alice) as device:
            with pytest.raises(ZeroDivisionError), transaction.atomic():
                live_inbox.send(recipient=self.alice, title="undone")
                raise ZeroDivisionError
            live_inbox.send(recipient=self.alice, title="kept")
            assert [title(item) for item in device.received()] == ["kept"]

    def test_what_an_inbox_holds(self) -> None:
        assert inbox_of(self.alice).titles == []
        live_inbox.send(recipient=self.alice, title="a")
        live_inbox.mark_all_read(user=self.alice)
        live_inbox.send(recipient=self.alice, title="b")

        inbox = inbox_of(self.alice)
        assert inbox.titles == ["b", "a"]
        assert [notification.title for notification in inbox.unread] == ["b"]
        assert (inbox.unread_count, inbox.total_count, len(inbox)) == (1, 2, 2)
        assert inbox.position.sequence == 3


def title(item: Any) -> str:
    assert isinstance(item, Event)
    assert item.notification is not None
    return item.notification.title


class InTestCase(Cases, TestCase):
    """In a transaction that is never committed."""


class InTransactionTestCase(Cases, TransactionTestCase):
    """With commits."""


@pytest.mark.django_db(transaction=True)
async def test_a_device_in_pytest() -> None:
    alice = await User.objects.acreate(username="alice")
    async with connect(alice) as device:
        await live_inbox.asend(recipient=alice, title="x")
        assert (await device.next_added()).title == "x"


@pytest.mark.django_db
def test_a_synchronous_device_in_pytest() -> None:
    alice = User.objects.create_user("alice")
    with connect(alice) as device:
        live_inbox.send(recipient=alice, title="x")
        assert device.next_added().title == "x"
