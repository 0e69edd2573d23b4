"""Every column that may name a user is exported and erased: a new one fails these tests until it is."""

from __future__ import annotations

from collections.abc import Iterator

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db.models import Field, JSONField, Model, TextField

from live_inbox.models import Inbox
from live_inbox.personal_data.holdings import HOLDINGS
from tests.personal_data.everything_of_a_user import KEY, NAME, places_of

NAMING_NOBODY = {
    "Notification.message": "a text: whom it is about, nobody can know",
    "Notification.data": "the project's own: likewise",
    "Notification.actions": "labels and links",
    "BulkSend.idempotency_key": "deleted with the record of the user's own",
    "CampaignOrder.scopes": "names of scopes",
    "ConnectionReport.sockets": "addresses, which nothing connects with a user; removed after minutes",
    "TokenRevocation.token_ids": "of a row that has a holding",
    "Deployment.renewed_through": "while epochs are renewed after a failover",
}
"""Columns of JSON or of unlimited text that need no holding, and why."""


def models() -> list[type[Model]]:
    return [
        model
        for app in apps.get_app_configs()
        if app.name.startswith("live_inbox")
        for model in app.get_models()
    ]


def fields() -> Iterator[tuple[str, Field[object, object]]]:
    for model in models():
        for field in model._meta.concrete_fields:
            yield f"{model.__name__}.{field.name}", field


def covered() -> list[str]:
    return [column for holding in HOLDINGS for column in holding.columns]


def test_each_reference_to_a_user_or_to_what_is_theirs_is_held_once() -> None:
    theirs = {get_user_model(), Inbox}
    # What belongs to what is theirs is theirs, too.
    while True:
        of_theirs = {field.model for _, field in fields() if field.related_model in theirs} - theirs
        if not of_theirs:
            break
        theirs |= of_theirs
    references = {name for name, field in fields() if field.related_model in theirs}
    # A scheduled send of a bulk send has its recipient, by whom it is found.
    assert references - set(covered()) == {"ScheduledSend.bulk_send"}
    assert len(covered()) == len(set(covered()))


def test_each_column_that_can_hold_anything_has_been_considered() -> None:
    open_columns = {name for name, field in fields() if isinstance(field, JSONField | TextField)}
    assert open_columns - set(covered()) == set(NAMING_NOBODY) & open_columns
    assert set(covered()) <= {name for name, _ in fields()}


def test_each_model_is_held_or_has_nothing_of_a_user() -> None:
    held = {column.partition(".")[0] for column in covered()}
    assert {model.__name__ for model in models()} - held == {
        "ConnectionReport",
        "Deployment",
        "SuppressedSend",
    }


def test_the_user_of_these_tests_is_in_every_column(subject: User) -> None:
    """Otherwise the tests of erasing would prove less than they say."""
    assert places_of(str(KEY), NAME) == {
        "bulksend.last_recipient",
        "bulksend.left",
        "bulksend.sender_id",
        "bulksendchunk.outcomes",
        "campaignorder.content",
        "campaignorder.recipient_keys",
        "inbox.user_id",
        "inboxevent.inbox_id",
        "inboxevent.payload",
        "notification.actor",
        "notification.group_actors",
        "notification.idempotency_key",
        "notification.recipient_id",
        "notification.sender_id",
        "notification.target",
        "notificationpreference.user_id",
        "scheduledsend.content",
        "scheduledsend.recipient_id",
        "scheduledsend.sender_id",
        "tokenrevocation.user_id",
        "topicsubscription.user_id",
        "undostep.content",
        "undostep.inbox_id",
        "webhookdelivery.body",
    }
