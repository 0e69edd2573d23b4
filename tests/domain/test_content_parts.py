"""Icons, actors, targets, actions and formats: what is stored of them, and what is refused."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy as _

from live_inbox import selectors, services
from live_inbox.errors import Conflict, InvalidInput
from live_inbox.models import InboxEvent, Notification
from live_inbox.snapshots import snapshot
from tests.changed_settings import changed_settings
from tests.domain.query_counting import queries

pytestmark = pytest.mark.django_db


def sent(user: User, **content: Any) -> Notification:
    notification = services.send(recipient_id=user.pk, title="x", **content).notification
    assert notification is not None
    return notification


def refused(user: User, **content: Any) -> str:
    with pytest.raises(InvalidInput) as caught:
        sent(user, **content)
    assert not Notification.objects.exists()
    return caught.value.field


def test_parts_are_in_the_row_in_the_event_and_in_the_list(alice: User) -> None:
    notification = sent(
        alice,
        icon="receipt",
        actor={"name": "Ana", "picture": "/ana.png"},
        target={"type": "Shop.Order", "id": 7},
        actions=[{"label": "Pay", "id": "pay"}, {"label": "Open", "link": "/7"}],
        format="markdown",
    )
    notification.refresh_from_db()
    assert notification.icon == "receipt"
    assert notification.actor == {"name": "Ana", "picture": "/ana.png"}
    assert notification.target == {"type": "shop.order", "id": "7"}
    assert notification.actions == [{"label": "Pay", "id": "pay"}, {"label": "Open", "link": "/7"}]
    assert notification.format == "markdown"
    (shown,) = selectors.page(user_id=alice.pk, limit=5).notifications
    assert shown == snapshot(notification)
    payload = InboxEvent.objects.get().payload["notification"]
    assert payload["actions"] == notification.actions


def test_without_parts_nothing_is_stored_of_them(alice: User) -> None:
    notification = sent(alice)
    notification.refresh_from_db()
    assert (notification.actor, notification.target, notification.actions) == (None, None, None)
    assert Notification.objects.filter(
        actor__isnull=True, target__isnull=True, actions__isnull=True
    ).exists()
    payload = InboxEvent.objects.get().payload["notification"]
    assert not payload.keys() & {"icon", "actor", "target", "actions", "format"}


@pytest.mark.parametrize("icon", ["bell", "a.b-c_d", "/icons/7.svg", "https://example.com/i?a=b"])
def test_an_icon_is_a_name_or_an_address(alice: User, icon: str) -> None:
    assert sent(alice, icon=icon).icon == icon


BAD_ADDRESSES = [
    "javascript:alert(1)",
    "data:image/svg+xml,<svg/>",
    "//example.com/x",
    "https:/\\example.com",
    "/a b",
    "/\u202eb",
    "ftp://example.com/x",
]


@pytest.mark.parametrize("address", [*BAD_ADDRESSES, "two words", "/" + "a" * 500])
def test_addresses_are_checked_as_links_are(alice: User, address: str) -> None:
    assert refused(alice, icon=address) == "icon"
    assert refused(alice, actor={"name": "Ana", "picture": address}) == "actor"


@pytest.mark.parametrize("address", [*BAD_ADDRESSES, ""])
def test_links_of_actions_are_checked_as_links_are(alice: User, address: str) -> None:
    assert refused(alice, actions=[{"label": "Open", "link": address}]) == "actions"


# -- actors --------------------------------------------------------------------------------------------------


def test_an_actor_may_be_a_name(alice: User) -> None:
    assert sent(alice, actor="Ana\n").actor == {"name": "Ana"}
    assert sent(alice, actor=_("Yes")).actor == {"name": "Yes"}


def test_an_actor_who_is_a_user_is_shown_as_senders_are(alice: User, bob: User) -> None:
    bob.first_name, bob.last_name = "Bob", "Brown"
    bob.save()
    shown = {"user": str(bob.pk), "name": "Bob Brown"}
    assert sent(alice, actor=bob).actor == shown
    assert sent(alice, actor=SimpleLazyObject(lambda: bob)).actor == shown
    assert sent(alice, actor=bob.pk).actor == shown
    assert sent(alice, actor={"user": bob, "picture": "/b.png"}).actor == {
        **shown,
        "picture": "/b.png",
    }
    assert sent(alice, actor={"user": str(bob.pk)}).actor == shown


def test_an_actor_never_shows_an_email_address(alice: User) -> None:
    nameless = User.objects.create_user("carol@example.com")
    assert sent(alice, actor=nameless).actor == {"user": str(nameless.pk), "name": ""}


def test_an_actor_given_as_an_object_costs_no_query(alice: User, bob: User) -> None:
    with queries() as plain:
        sent(alice)
    with queries() as named:
        sent(alice, actor=bob)
    with queries() as keyed:
        sent(alice, actor=bob.pk)
    assert (len(named), len(keyed)) == (len(plain), len(plain) + 1)


@pytest.mark.parametrize(
    "actor",
    [
        "",
        " ",
        "a" * 201,
        "a\u202eb",
        "a\x07b",
        10**9,
        True,
        1.5,
        [],
        {},
        {"name": None},
        {"name": "Ana", "email": "ana@example.com"},
        {"user": 1, "name": "Ana"},
        {"user": "nobody"},
        {"user": {"user": 1}},
        pytest.param(AnonymousUser(), id="nobody"),
    ],
    ids=repr,
)
def test_what_is_no_actor_is_refused(alice: User, actor: object) -> None:
    assert refused(alice, actor=actor) == "actor"


def test_objects_of_other_models_are_no_actors(alice: User) -> None:
    assert refused(alice, actor=Group.objects.create(name="g")) == "actor"


def test_a_repeated_send_is_the_same_after_the_actor_was_renamed(alice: User, bob: User) -> None:
    first = sent(alice, actor=bob, idempotency_key="k")
    bob.first_name = "Robert"
    bob.save()
    again = services.send(recipient_id=alice.pk, title="x", actor=bob, idempotency_key="k")
    assert again.replayed
    assert again.notification == first
    with pytest.raises(Conflict):
        sent(alice, actor=alice, idempotency_key="k")


# -- targets -------------------------------------------------------------------------------------------------


def test_a_target_may_be_an_object_of_any_model(alice: User) -> None:
    group = Group.objects.create(name="g")
    assert sent(alice, target=group).target == {"type": "auth.group", "id": str(group.pk)}
    key = UUID("12345678-1234-5678-1234-567812345678")
    assert sent(alice, target={"type": "a.b", "id": key}).target == {"type": "a.b", "id": str(key)}


@pytest.mark.parametrize(
    "target",
    [
        "shop.order",
        7,
        {},
        {"type": "shop.order"},
        {"id": 7},
        {"type": "order", "id": 7},
        {"type": "shop.order.line", "id": 7},
        {"type": "shop.order\n", "id": 7},
        {"type": "shop.order", "id": ""},
        {"type": "shop.order", "id": True},
        {"type": "shop.order", "id": 1.5},
        {"type": "shop.order", "id": "7\x00"},
        {"type": "shop.order", "id": "7" * 256},
        {"type": "shop.order", "id": 7, "link": "/"},
        Group(name="unsaved"),
    ],
    ids=repr,
)
def test_what_is_no_target_is_refused(alice: User, target: object) -> None:
    assert refused(alice, target=target) == "target"


# -- actions -------------------------------------------------------------------------------------------------


def test_no_actions_are_none(alice: User) -> None:
    assert sent(alice, actions=[]).actions is None
    assert sent(alice, actions=()).actions is None


PAY = {"label": "Pay", "id": "pay"}


@pytest.mark.parametrize(
    "actions",
    [
        "pay",
        {"label": "Pay", "id": "pay"},
        ["pay"],
        [{}],
        [{"label": "Pay"}],
        [{"id": "pay"}],
        [{"label": " ", "id": "pay"}],
        [{"label": "P" * 61, "id": "pay"}],
        [{"label": "P\u202e", "id": "pay"}],
        [{"label": "Pay", "id": "two words"}],
        [{"label": "Pay", "id": ""}],
        [{"label": "Pay", "id": 7}],
        [{"label": "Pay", "id": "pay", "link": "/"}],
        [{"label": "Pay", "id": "pay", "style": "danger"}],
        [PAY, PAY],
        [{"label": "a", "link": "/"}] * 4,
    ],
    ids=repr,
)
def test_what_are_no_actions_is_refused(alice: User, actions: object) -> None:
    assert refused(alice, actions=actions) == "actions"


# -- formats -------------------------------------------------------------------------------------------------


def test_a_type_may_say_what_its_messages_are_written_in(alice: User) -> None:
    with changed_settings(TYPES={"news": {"format": "markdown"}}):
        assert sent(alice, type="news").format == "markdown"
        assert sent(alice, type="news", format="plain").format == "plain"
        assert sent(alice, type="general").format == "plain"


@pytest.mark.parametrize("format", ["html", "", "Markdown", 7])
def test_other_formats_are_refused(alice: User, format: object) -> None:
    assert refused(alice, format=format) == "format"


def test_everybody_gets_the_same_parts(alice: User, bob: User) -> None:
    services.send_many(recipient_ids=[alice.pk, bob.pk], title="x", actor=bob, actions=[PAY])
    rows = Notification.objects.values_list("actor", "actions")
    assert list(rows) == [({"user": str(bob.pk), "name": "bob"}, [PAY])] * 2
