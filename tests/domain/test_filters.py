"""What filters find: categories, priorities, what was seen, and words; and how many there are of each type."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from live_inbox import selectors, services
from live_inbox.errors import InvalidInput
from live_inbox.events import Folder
from live_inbox.selectors import counts_by_type as counts_module
from live_inbox.selectors.counts_by_type import Count
from tests.changed_settings import changed_settings

pytestmark = pytest.mark.django_db

TYPES = {
    "billing.invoice": {"category": "money"},
    "billing.refund": {"category": "money"},
    "comment": {"category": "social"},
    "mention": {"category": "social"},
}


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice")


def send(user: User, title: str, **more: Any) -> int:
    sent = services.send(recipient_id=user.pk, title=title, **more).notification
    assert sent is not None
    return sent.pk


def found(user: User, **conditions: Any) -> list[str]:
    page = selectors.page(user_id=user.pk, limit=50, **conditions)
    assert page.examined_to is None
    return [each.title for each in page.notifications]


def test_a_category_is_that_of_declared_types(alice: User) -> None:
    for type in (*TYPES, "general"):
        send(alice, type, type=type)
    with changed_settings(TYPES=TYPES):
        assert found(alice, categories=["money"]) == ["billing.refund", "billing.invoice"]
        assert found(alice, categories=["money"], types=["billing.refund", "comment"]) == [
            "billing.refund"
        ]
        assert found(alice, categories=["social", "money"], read=False) == list(TYPES)[::-1]
        assert found(alice, categories=["other"]) == []
        assert found(alice, categories=[]) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("invoice", ["Your INVOICE"]),
        ("INV your", ["Your INVOICE"]),
        ("body", ["Your INVOICE"]),
        ("your body invoice", ["Your INVOICE"]),
        ("your nothing", []),
        ("100%", ["100% _off_"]),
        ("_off_", ["100% _off_"]),
        ("%", ["100% _off_"]),
        (".", ["a.b (c) [d] {e}* ^f$ |g\\ ?+ -"]),
        (r"\ ?+ - (c) [d] ^f$", ["a.b (c) [d] {e}* ^f$ |g\\ ?+ -"]),
        ("übung", ["ÜBUNG macht groß"]),
        ("GROß", ["ÜBUNG macht groß"]),
        ("ПРИВЕТ", ["привет мир"]),
        ("σοφοσ", ["ΣΟΦΟΣ σοφός"]),
        ("σοφός", ["ΣΟΦΟΣ σοφός"]),
        ("通知", ["新しい通知です"]),
        ("👍", ["👍🏽 good"]),
        ("مرحبا", ["مرحبا بالعالم"]),
        ("u\u0308bung", ["ÜBUNG macht groß"]),
        ("  ", None),
        ("", None),
    ],
)
def test_text_finds_parts_of_words_in_any_alphabet_in_upper_or_lower_case(
    alice: User, text: str, expected: list[str] | None
) -> None:
    titles = [
        "Your INVOICE",
        "100% _off_",
        "a.b (c) [d] {e}* ^f$ |g\\ ?+ -",
        "ÜBUNG macht groß",
        "привет мир",
        "ΣΟΦΟΣ σοφός",
        "新しい通知です",
        "👍🏽 good",
        "مرحبا بالعالم",
    ]
    for title in titles:
        send(alice, title, message="the body" if title == titles[0] else "")
    assert found(alice, text=text) == (titles[::-1] if expected is None else expected)


def test_text_is_of_ones_own_folder_only(alice: User) -> None:
    bob = User.objects.create_user("bob")
    send(bob, "needle of bob")
    services.archive(user_id=alice.pk, notification_id=send(alice, "needle"))
    send(alice, "other")
    assert found(alice, text="needle") == []
    assert found(alice, text="needle", folder=Folder.ARCHIVE) == ["needle"]


@pytest.mark.parametrize(
    ("conditions", "field"),
    [
        ({"text": "x" * 101}, "text"),
        ({"text": "a b c d e f g h i"}, "text"),
        ({"text": "\x00"}, "text"),
        ({"text": "\ud800"}, "text"),
        ({"priorities": ["huge"]}, "priorities"),
        ({"categories": ["no slug"]}, "categories"),
        ({"categories": [f"c{n}" for n in range(21)]}, "categories"),
    ],
)
def test_what_nothing_can_fulfil_is_refused(
    alice: User, conditions: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        selectors.page(user_id=alice.pk, limit=1, **conditions)
    assert caught.value.field == field


def test_the_longest_text_is_searched_for(alice: User) -> None:
    title = "ä" * 100
    send(alice, title)
    assert found(alice, text=title.upper()) == [title]
    assert found(alice, text="a b c d e f g h") == []


def test_what_is_unseen_is_what_the_count_says(alice: User) -> None:
    one, two, three = (send(alice, title) for title in ("one", "two", "three"))
    services.mark_seen(user_id=alice.pk)
    services.mark_read(user_id=alice.pk, notification_id=two)
    send(alice, "four")
    services.mark_read(user_id=alice.pk, notification_id=send(alice, "five"))
    state = selectors.inbox_state(user_id=alice.pk)
    assert found(alice, seen=False) == ["four"]
    assert state.unseen_count == 1
    assert found(alice, seen=True) == ["five", "three", "two", "one"]
    assert found(alice, seen=True, read=False) == ["three", "one"]
    assert found(alice, seen=False, read=True) == []
    assert one < three


class TestCounts:
    """How many notifications there are of each type and category."""

    def counts(self, user: User) -> selectors.TypeCounts:
        with changed_settings(TYPES=TYPES):
            return selectors.type_counts(user_id=user.pk)

    def test_of_each_type_and_category(self, alice: User) -> None:
        bob = User.objects.create_user("bob")
        send(bob, "of bob", type="comment")
        send(alice, "a", type="general")
        send(alice, "b", type="billing.refund")
        read = send(alice, "c", type="billing.invoice")
        services.mark_read(user_id=alice.pk, notification_id=read)
        services.mark_seen(user_id=alice.pk)
        services.archive(user_id=alice.pk, notification_id=send(alice, "d", type="comment"))
        for _ in range(2):
            send(alice, "e", type="mention")
        send(alice, "f", type="billing.refund")
        counts = self.counts(alice)
        assert counts.types == [
            Count("billing.invoice", 1, 0, 0, True),
            Count("billing.refund", 2, 2, 1, True),
            Count("general", 1, 1, 0, True),
            Count("mention", 2, 2, 2, True),
        ]
        assert counts.categories == [
            Count("", 1, 1, 0, True),
            Count("money", 3, 2, 1, True),
            Count("social", 2, 2, 2, True),
        ]

    def test_of_nothing(self, alice: User) -> None:
        assert self.counts(alice) == selectors.TypeCounts([], [])
        services.delete(user_id=alice.pk, notification_id=send(alice, "a"))
        assert self.counts(alice) == selectors.TypeCounts([], [])

    def test_counting_stops_and_says_so(self, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(counts_module, "MOST", 3)
        monkeypatch.setattr(counts_module, "MOST_TYPES", 2)
        counts_module._statement.cache_clear()
        try:
            for type, number in (("a", 2), ("b", 5), ("c", 1)):
                for _ in range(number):
                    send(alice, "x", type=type)
            assert self.counts(alice).types == [
                Count("a", 2, 2, 2, True),
                Count("b", 3, 3, 3, False),
            ]
            assert self.counts(alice).categories == [Count("", 5, 5, 5, False)]
        finally:
            counts_module._statement.cache_clear()
