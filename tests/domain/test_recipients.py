"""Who is named as recipient or sender: a user, in any form that Django code has at hand."""

from __future__ import annotations

import enum
from datetime import UTC, time
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import AnonymousUser, Group, User
from django.db.migrations.state import ProjectState
from django.utils.functional import SimpleLazyObject
from django.utils.safestring import mark_safe

import live_inbox
from live_inbox import services
from live_inbox.errors import InvalidInput
from live_inbox.json_api.sending import (
    send_approval_notification,
    send_user_detail_approval_notification,
    send_websocket_notification,
)
from live_inbox.models import Inbox, Notification


@pytest.fixture
def ada(db: None) -> User:
    """A user with a key that is hardly anything else's."""
    return User.objects.create_user("ada", id=4711)


class Staff(enum.IntEnum):
    ADA = 4711


def historical(user: User) -> Any:
    """Return a user as a migration has them."""
    model = ProjectState.from_apps(apps).apps.get_model("auth", "User")
    return model.objects.get(pk=user.pk)


@pytest.mark.parametrize(
    "form",
    [
        lambda user: user,
        lambda user: user.pk,
        lambda user: str(user.pk),
        lambda user: mark_safe(str(user.pk)),
        lambda user: Staff.ADA,
        lambda user: SimpleLazyObject(lambda: user),
        historical,
    ],
)
def test_a_user_may_be_named_in_any_of_these_forms(ada: User, form: Any) -> None:
    sent = live_inbox.send(recipient=form(ada), sender=form(ada), title="Hello")
    assert sent.notification is not None
    assert (sent.notification.recipient_id, sent.notification.sender_id) == (4711, 4711)
    assert live_inbox.send_many(recipients=[form(ada)], sender=form(ada), title="Hello").sent == 1


@pytest.mark.parametrize("field", ["recipient", "sender"])
@pytest.mark.parametrize(
    "wrong",
    [
        lambda: User(),
        lambda: AnonymousUser(),
        lambda: SimpleLazyObject(AnonymousUser),
        lambda: Group(pk=4711),
        lambda: SimpleLazyObject(lambda: Group(pk=4711)),
        lambda: User,
        lambda: SimpleLazyObject(lambda: 1 / 0),
        lambda: time(12, tzinfo=UTC),
    ],
)
def test_nothing_else_is_a_user(ada: User, field: str, wrong: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        live_inbox.send(**{"recipient": ada, "title": "x", field: wrong()})
    assert caught.value.field == field
    with pytest.raises(InvalidInput):
        live_inbox.mark_all_read(user=Group(pk=4711))
    assert not Inbox.objects.exists()


def test_the_functions_of_the_original_guide_take_the_same(ada: User) -> None:
    page: Any = Group(pk=7, name="a")
    page.get_absolute_url = lambda: "/groups/7/"
    content: dict[str, Any] = {"title": mark_safe("t"), "message": mark_safe("m"), "link": page}
    sent = [
        send_websocket_notification(ada, **content, data={"a": (1,)}, sender_id=ada),
        send_approval_notification(ada, **content, form_type="f", item_id=page, approved=True),
        send_user_detail_approval_notification(ada, link=page),
    ]
    assert Notification.objects.filter(recipient=ada, link="/groups/7/").count() == len(sent) == 3
    assert [each.data for each in sent if each] == [
        {"a": [1]},
        {"form_type": "f", "item_id": 7, "approved": True},
        {"form_type": "userdetail", "item_id": 4711, "approved": True},
    ]


@pytest.mark.parametrize("data", [[1], "x", 7, [("a", 1)]])
def test_an_approval_with_data_that_is_no_object_is_refused(ada: User, data: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        services.send_approval(
            recipient_id=ada,
            title="t",
            message="",
            form_type="f",
            item_id=1,
            approved=True,
            data=data,
        )
    assert caught.value.field == "data"
    assert not Inbox.objects.exists()
