"""What customers are notified of, tested without a server."""

import pytest
from backend.accounts.models import User
from backend.orders.ordering import mark_shipped, place_order

import live_inbox
from live_inbox.testing import connect, inbox_of, subscribe


@pytest.fixture
def ada(db):
    return User.objects.create_user("ada@example.com", "teatime", name="Ada")


def test_an_order_is_acknowledged(ada, sent_notifications):
    order = place_order(ada, "Teapot", "24.50")
    (sent,) = sent_notifications
    assert (sent.recipient, sent.type, sent.title) == (ada, "order", "Order received")
    assert (sent.link, sent.data) == (f"/orders/{order.pk}/", {"order": order.pk, "price": "24.50"})


def test_an_order_is_announced_as_shipped_once(ada):
    order = place_order(ada, "Cup", "6.90")
    mark_shipped(order)
    mark_shipped(order)
    assert inbox_of(ada).titles == ["Order shipped", "Order received"]


def test_a_customer_buys_on_the_page(client, ada, sent_notifications):
    client.force_login(ada)
    assert client.post("/buy/", {"product": "Teapot"}).status_code == 302
    assert ada.orders.get().product == "Teapot"
    assert sent_notifications.to(ada)
    assert "<notification-inbox" in client.get("/").content.decode()


def test_a_customer_turns_orders_off_on_the_page_of_preferences(client, ada, sent_notifications):
    client.force_login(ada)
    assert (
        "Received, shipped, delivered."
        in client.get("/inbox/notifications/preferences/").content.decode()
    )
    client.post("/inbox/notifications/preferences/", {"type": []})
    place_order(ada, "Cup", "6.90")
    assert sent_notifications.titles == []


@pytest.mark.django_db(transaction=True)
async def test_every_device_of_the_customer_shows_it():
    ada = await User.objects.acreate(email="ada@example.com", name="Ada")
    async with connect(ada) as phone, connect(ada) as laptop:
        await live_inbox.asend(recipient=ada, title="Order shipped")
        for device in (phone, laptop):
            assert (await device.next_added()).title == "Order shipped"


@pytest.mark.django_db(transaction=True)
async def test_the_query_of_our_app_gets_it():
    ada = await User.objects.acreate(email="ada@example.com", name="Ada")
    query = "subscription { notificationEvents { ... on NotificationAdded { notification { title } } } }"
    async with subscribe(ada, query) as app:
        await live_inbox.asend(recipient=ada, title="Order shipped")
        data = await app.next()
    assert data["notificationEvents"]["notification"]["title"] == "Order shipped"


def test_orders_and_inbox_are_one_schema(client, ada):
    client.force_login(ada)
    place_order(ada, "Cup", "6.90")
    query = "{ orders { product status } notifications { unreadCount } }"
    answer = client.get("/inbox/graphql/", {"query": query}).json()
    assert answer["data"] == {
        "orders": [{"product": "Cup", "status": "received"}],
        "notifications": {"unreadCount": 1},
    }
