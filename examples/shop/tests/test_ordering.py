"""What customers are told about their orders."""

import pytest
from backend.accounts.models import User
from backend.orders.ordering import mark_shipped, place_order

from live_inbox.models import Notification


@pytest.fixture
def ada(db):
    return User.objects.create_user("ada@example.com", "teatime", name="Ada")


def test_an_order_is_acknowledged(ada):
    order = place_order(ada, "Teapot", "24.50")
    notification = Notification.objects.get(recipient=ada)
    assert (notification.type, notification.title) == ("order", "Order received")
    assert notification.link == f"/orders/{order.pk}/"
    assert notification.data == {"order": order.pk, "price": "24.50"}


def test_an_order_is_announced_as_shipped_once(ada):
    order = place_order(ada, "Cup", "6.90")
    mark_shipped(order)
    mark_shipped(order)
    titles = Notification.objects.filter(recipient=ada).values_list("title", flat=True)
    assert list(titles) == ["Order shipped", "Order received"]


def test_a_customer_buys_on_the_page(client, ada):
    client.force_login(ada)
    assert client.post("/buy/", {"product": "Teapot"}).status_code == 302
    assert ada.orders.get().product == "Teapot"
    assert "notification-inbox" in client.get("/").content.decode()
