"""Both APIs subscribe users to topics, and list theirs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import live_inbox
from tests.both_apis.devices import Device, Refused
from tests.changed_settings import changed_settings

Open = Callable[[str], Device]

pytestmark = pytest.mark.django_db(transaction=True)


def test_users_subscribe_themselves_to_topics_that_are_open(
    phone: Device, laptop: Device, open_second: Open, bob: int
) -> None:
    with changed_settings(OPEN_TOPICS=["news", "product.*"]):
        assert phone.subscribe("product.7") == (True, ["product.7"])
        assert laptop.subscribe("news") == (True, ["news", "product.7"])
        assert phone.subscribe("news") == (False, ["news", "product.7"])
        assert laptop.topics() == phone.topics() == ["news", "product.7"]
        assert open_second("bob").topics() == []
        assert laptop.unsubscribe("news") == (True, ["product.7"])
        assert phone.unsubscribe("news") == (False, ["product.7"])


def test_topics_that_are_not_open_can_only_be_left(phone: Device, alice: int) -> None:
    with changed_settings(OPEN_TOPICS=["news", "product.*"]):
        for topic in ("newsletter", "product"):
            with pytest.raises(Refused, match="FORBIDDEN"):
                phone.subscribe(topic)
        for wrong in ("no blanks", "", "x" * 65):
            with pytest.raises(Refused, match="BAD_USER_INPUT"):
                phone.subscribe(wrong)
            with pytest.raises(Refused, match="BAD_USER_INPUT"):
                phone.unsubscribe(wrong)
        live_inbox.subscribe(user=alice, topic="newsletter")
        assert phone.topics() == ["newsletter"]
        assert phone.unsubscribe("newsletter") == (True, [])


def test_a_user_has_so_many_topics_and_changes_them_so_fast(phone: Device) -> None:
    with changed_settings(OPEN_TOPICS=["t.*"], MAX_TOPICS=1, CHANGE_RATE="1/hour burst 3"):
        assert phone.subscribe("t.1") == (True, ["t.1"])
        with pytest.raises(Refused, match="BAD_USER_INPUT"):
            phone.subscribe("t.2")
        assert phone.unsubscribe("t.1") == (True, [])
        with pytest.raises(Refused, match="RATE_LIMITED"):
            phone.subscribe("t.2")
        assert phone.topics() == []
