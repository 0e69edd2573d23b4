"""Channels beside the inbox: what users want by each, and whom a project that delivers by one has to send to."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.utils import translation
from django.utils.functional import lazystr
from django.utils.translation import gettext_lazy

import live_inbox
from live_inbox import selectors, services, signals
from live_inbox.errors import InvalidInput
from live_inbox.models import Notification, NotificationPreference
from live_inbox.selectors import ChannelState
from tests.changed_settings import changed_settings
from tests.domain.conftest import VerifyEvents
from tests.domain.query_counting import queries

CHANNELS = {"email": {"label": gettext_lazy("Email address")}, "push": {}}
TYPES: dict[str, Any] = {
    "comment": {"default": ["in_app", "email"]},
    "invoice": {"required": ["email"]},
    "tips": {"default": []},
}
SENDING = Path(__file__).parents[2] / "docs" / "sending.md"


class Kind(StrEnum):
    """A type and a channel, as a project may name them."""

    COMMENT = "comment"
    EMAIL = "email"


@pytest.fixture(autouse=True)
def _channels() -> Iterator[None]:
    with changed_settings(CHANNELS=CHANNELS, TYPES=TYPES):
        yield


@pytest.fixture
def carol(db: None) -> User:
    return User.objects.create_user("carol")


def choose(user: User, type: str, channel: str, enabled: bool) -> None:
    live_inbox.set_preference(user=user, type=type, channel=channel, enabled=enabled)


def chosen(user: User, type: str) -> dict[str, tuple[bool, bool]]:
    """What a user wants of a type and whether it is required, by channel."""
    state = selectors.preference(user_id=user.pk, type=type)
    return {each.channel: (each.enabled, each.required) for each in state.channels}


def test_what_is_declared_holds_until_a_user_chooses(alice: User) -> None:
    off, on, always = (False, False), (True, False), (True, True)
    assert chosen(alice, "comment") == {"in_app": on, "email": on, "push": off}
    assert chosen(alice, "invoice") == {"in_app": on, "email": always, "push": off}
    assert chosen(alice, "tips") == {"in_app": off, "email": off, "push": off}
    assert chosen(alice, "undeclared") == {"in_app": on, "email": off, "push": off}
    choose(alice, "comment", "email", False)
    choose(alice, "undeclared", "push", True)
    assert chosen(alice, "comment") == {"in_app": on, "email": off, "push": off}
    assert chosen(alice, "undeclared") == {"in_app": on, "email": off, "push": on}


def test_each_channel_of_a_type_is_chosen_by_itself(alice: User, bob: User) -> None:
    for enabled in (False, True, False):
        choose(alice, "comment", "email", enabled)
    choose(alice, "comment", "in_app", True)
    choose(bob, "comment", "email", True)
    rows = NotificationPreference.objects.filter(user=alice).order_by("channel")
    assert list(rows.values_list("type", "channel", "enabled")) == [
        ("comment", "email", False),
        ("comment", "in_app", True),
    ]
    assert chosen(bob, "comment")["email"] == (True, False)


def test_channels_have_labels_in_the_active_language(alice: User) -> None:
    with translation.override("de"):
        state = selectors.preference(user_id=alice.pk, type="comment")
        assert state.channels == (
            ChannelState("in_app", "in_app", True, False),
            ChannelState("email", "E-Mail-Adresse", True, False),
            ChannelState("push", "push", False, False),
        )
        assert [each.label for each in selectors.channels()] == ["in_app", "E-Mail-Adresse", "push"]


def test_what_is_chosen_on_another_channel_does_not_change_the_inbox(
    alice: User, bob: User, verify_events: VerifyEvents
) -> None:
    choose(alice, "comment", "email", False)
    choose(bob, "tips", "email", True)
    with verify_events(alice, bob):
        assert not services.send(recipient_id=alice.pk, type="comment", title="x").suppressed
        assert services.send(recipient_id=bob.pk, type="tips", title="x").suppressed
        many = services.send_many(recipient_ids=[alice.pk, bob.pk], type="comment", title="x")
    assert (many.sent, many.suppressed) == (2, 0)
    assert Notification.objects.filter(recipient=alice).count() == 2


def test_a_required_channel_cannot_be_turned_off(alice: User) -> None:
    with pytest.raises(InvalidInput) as caught:
        choose(alice, "invoice", "email", False)
    assert caught.value.field == "enabled"
    assert not NotificationPreference.objects.exists()
    # The type is required by mail, and not in the inbox.
    choose(alice, "invoice", "in_app", False)
    assert chosen(alice, "invoice")["in_app"] == (False, False)


@pytest.mark.parametrize("channel", ["sms", "", "Email", "email ", None, 5, True, ["email"]])
def test_a_channel_that_the_site_does_not_have_is_refused(alice: User, channel: Any) -> None:
    for call in (
        lambda: choose(alice, "comment", channel, True),
        lambda: live_inbox.wants(user=alice, type="comment", channel=channel),
        lambda: live_inbox.who_wants(users=[alice], type="comment", channel=channel),
    ):
        with pytest.raises(InvalidInput) as caught:
            call()
        assert (caught.value.field, caught.value.message) == (
            "channel",
            "This site has no such channel.",
        )
    assert not NotificationPreference.objects.exists()


@pytest.mark.parametrize("channel", [Kind.EMAIL, lazystr("email")])
def test_a_channel_may_be_named_as_other_texts_are(alice: User, channel: Any) -> None:
    choose(alice, Kind.COMMENT, channel, False)
    assert NotificationPreference.objects.get().channel == "email"
    assert not live_inbox.wants(user=alice, type=Kind.COMMENT, channel=channel)


def test_what_was_chosen_on_a_channel_that_is_gone_is_ignored(alice: User) -> None:
    choose(alice, "undeclared", "push", True)
    choose(alice, "comment", "push", True)
    with changed_settings(CHANNELS={"email": {}}):
        assert [each.type for each in selectors.preferences(user_id=alice.pk)] == list(TYPES)
        assert chosen(alice, "comment") == {"in_app": (True, False), "email": (True, False)}
    assert [each.type for each in selectors.preferences(user_id=alice.pk)] == [*TYPES, "undeclared"]


def test_a_type_counts_once_in_the_quota_whatever_its_channels(alice: User) -> None:
    with changed_settings(MAX_PREFERENCES=2, CHANNELS=CHANNELS, TYPES=TYPES):
        for channel in ("in_app", "email", "push"):
            choose(alice, "made-up.1", channel, True)
            choose(alice, "made-up.2", channel, True)
        with pytest.raises(InvalidInput) as caught:
            choose(alice, "made-up.3", "email", True)
        assert caught.value.field == "type"
    assert NotificationPreference.objects.count() == 6


# -- whom to send to -------------------------------------------------------------------------------------


def test_users_who_want_a_type_by_a_channel(alice: User, bob: User, carol: User) -> None:
    choose(alice, "comment", "email", False)
    choose(bob, "comment", "email", True)
    choose(alice, "tips", "email", True)
    choose(bob, "tips", "email", False)
    choose(carol, "tips", "in_app", True)
    everybody = [carol, alice, bob]

    def wanted(type: str, channel: str) -> list[User]:
        found = live_inbox.who_wants(users=everybody, type=type, channel=channel)
        for user in everybody:
            wants = live_inbox.wants(user=user.pk, type=type, channel=channel)
            assert wants is (user in found)
        return found

    assert wanted("comment", "email") == [carol, bob]
    assert wanted("comment", "in_app") == everybody
    assert wanted("comment", "push") == []
    assert wanted("tips", "email") == [alice]
    assert wanted("tips", "in_app") == [carol]
    assert wanted("undeclared", "email") == []


def test_without_a_channel_the_inbox_is_meant(alice: User) -> None:
    live_inbox.set_preference(user=alice, type="comment", enabled=False)
    assert not live_inbox.wants(user=alice, type="comment")
    assert live_inbox.who_wants(users=[alice], type="comment") == []
    assert chosen(alice, "comment")["email"] == (True, False)


async def test_twins_ask_from_asynchronous_code(transactional_db: None) -> None:
    dora = await User.objects.acreate_user("dora")
    await live_inbox.aset_preference(user=dora, type="tips", channel="push", enabled=True)
    assert await live_inbox.awants(user=dora, type="tips", channel="push")
    assert await live_inbox.awho_wants(users=[dora], type="tips", channel="push") == [dora]


def test_a_required_type_is_wanted_whatever_was_chosen_before(alice: User, bob: User) -> None:
    with changed_settings(CHANNELS=CHANNELS, TYPES={}):
        choose(alice, "invoice", "email", False)
    with queries() as statements:
        assert live_inbox.who_wants(users=[alice, bob], type="invoice", channel="email") == [
            alice,
            bob,
        ]
    assert statements == []


def test_users_are_given_back_as_they_were_given(alice: User, bob: User) -> None:
    users: Any = [str(bob.pk), alice, bob.pk, alice.pk]
    assert live_inbox.who_wants(users=users, type="comment", channel="email") == [
        bob.pk,
        alice.pk,
    ]
    assert live_inbox.who_wants(users=User.objects.none(), type="comment", channel="email") == []


@pytest.mark.parametrize("user", ["no key", None, True, 10**30])
def test_what_is_no_user_is_refused(alice: User, user: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        live_inbox.wants(user=user, type="comment", channel="email")
    assert caught.value.field == "user"
    with pytest.raises(InvalidInput) as caught:
        live_inbox.who_wants(users=[alice, user], type="comment", channel="email")
    assert caught.value.field == "users"


def test_types_that_the_site_does_not_know_are_refused_where_it_says_so(alice: User) -> None:
    known = changed_settings(UNDECLARED_TYPES=False, CHANNELS=CHANNELS, TYPES=TYPES)
    with known, pytest.raises(InvalidInput) as caught:
        live_inbox.wants(user=alice, type="comments", channel="email")
    assert caught.value.field == "type"


@pytest.mark.parametrize(("count", "expected"), [(0, 0), (1, 1), (1000, 1), (1001, 2)])
def test_one_query_reads_the_preferences_of_a_thousand_users(
    alice: User, count: int, expected: int
) -> None:
    choose(alice, "comment", "email", False)
    keys = [alice.pk + n for n in range(count)]
    with queries() as statements:
        found = live_inbox.who_wants(users=keys, type="comment", channel="email")
    assert (len(statements), found) == (expected, keys[1:])


# -- the recipe of the documentation ---------------------------------------------------------------------


@pytest.fixture
def _mailing() -> Iterator[None]:
    """The receiver of docs/sending.md, as it stands there."""
    (recipe,) = (
        block.partition("```")[0]
        for block in SENDING.read_text().split("```python\n")
        if block.startswith("# shop/receivers.py")
    )
    shop: dict[str, Any] = {}
    exec(compile(recipe, str(SENDING), "exec"), shop)
    yield
    assert signals.notifications_sent.disconnect(shop["mail_those_who_want_it"])


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_mailing")
def test_the_documented_receiver_mails_those_who_want_mail(
    alice: User, bob: User, carol: User
) -> None:
    for user in (alice, bob, carol):
        User.objects.filter(pk=user.pk).update(email=f"{user.username}@example.com")
    choose(alice, "comment", "email", False)
    choose(carol, "comment", "in_app", False)

    services.send_many(
        recipient_ids=[alice.pk, bob.pk, carol.pk], type="comment", title="Ana", message="wrote"
    )
    services.send(recipient_id=alice.pk, type="invoice", title="Invoice 7")
    services.send(recipient_id=alice.pk, type="tips", title="Unwanted")

    # Whoever has turned the type off in the inbox gets no notification, and so there is none to mail.
    assert [(each.to, each.subject, each.body) for each in mail.outbox] == [
        (["bob@example.com"], "Ana", "wrote"),
        (["alice@example.com"], "Invoice 7", ""),
    ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_mailing")
def test_the_documented_receiver_costs_a_bulk_send_two_queries(transactional_db: None) -> None:
    users = User.objects.bulk_create(
        [User(username=f"user{n}", email=f"user{n}@example.com") for n in range(20)]
    )

    def cost(recipients: list[User]) -> int:
        with queries() as statements:
            services.send_many(
                recipient_ids=[user.pk for user in recipients], type="comment", title="x"
            )
        return len(statements)

    assert cost(users[:2]) == cost(users)
    with changed_settings(CHANNELS=CHANNELS, TYPES={"comment": {"required": ["email"]}}):
        required = cost(users)
    # Nothing is asked about what everybody gets.
    assert cost(users) == required + 1
    assert len(mail.outbox) == 2 + 20 * 3
