"""Campaigns: stored bulk sends that any process carries out, cancels and recalls."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone, translation

import live_inbox
from live_inbox import services
from live_inbox.bulk_states import AudienceKind, BulkState
from live_inbox.content import CONTENT_FIELDS
from live_inbox.errors import Conflict, InvalidInput, NotFound
from live_inbox.maintenance.bulk_send_pruning import prune_bulk_sends
from live_inbox.maintenance.campaigns import run_campaigns_in_steps, run_due_campaigns
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.models import BulkSend, BulkSendChunk, CampaignOrder, InboxEvent, Notification
from live_inbox.services import SendManyCancelled, bulk_sending, campaign_running
from live_inbox.services.campaign_audience import audience_of
from live_inbox.services.campaign_steps import Busy, Step
from live_inbox_graphql.errors import client_error
from tests.changed_settings import changed_settings
from tests.domain.concurrency import THREADS, at_once
from tests.domain.conftest import VerifyEvents
from tests.domain.query_counting import queries

pytestmark = pytest.mark.django_db


@pytest.fixture
def users(db: None, monkeypatch: pytest.MonkeyPatch) -> list[User]:
    """Users of three steps."""
    monkeypatch.setattr(campaign_running, "STEP_RECIPIENTS", 4)
    monkeypatch.setattr(bulk_sending, "SEND_CHUNK", 4)
    return User.objects.bulk_create(User(username=f"u{n}") for n in range(10))


def start(**changes: Any) -> live_inbox.Campaign:
    given: dict[str, Any] = {"everybody": True, "title": "x", **changes}
    return live_inbox.start_campaign(**given)


def received() -> Counter[str]:
    """How often each user has got a notification, by the log."""
    events = InboxEvent.objects.filter(kind="added")
    return Counter(events.values_list("inbox__user__username", flat=True))


def customers() -> QuerySet[User]:
    """The segment of the tests: found twice each, as a query that joins does."""
    return User.objects.filter(groups__name__startswith="customers")


SEGMENTS = {"customers": f"{__name__}.customers"}


# -- audiences -------------------------------------------------------------------------------------------


def test_everybody_who_is_active_gets_it(users: list[User], verify_events: VerifyEvents) -> None:
    User.objects.filter(pk=users[3].pk).update(is_active=False)
    campaign = start()
    assert (campaign.state, campaign.total, campaign.sent) == (BulkState.PENDING, 9, 0)
    assert not Notification.objects.exists()
    with verify_events(*users):
        done = live_inbox.run_campaign(campaign.id)
    assert (done.state, done.total, done.sent) == (BulkState.DONE, 9, 9)
    assert received() == {user.username: 1 for user in users if user != users[3]}
    assert list(check_inboxes()) == []


def test_named_users_get_it_but_for_those_who_are_deleted_meanwhile(users: list[User]) -> None:
    campaign = start(everybody=False, recipients=[users[7], users[2].pk, str(users[4].pk)])
    assert (campaign.total, campaign.audience) == (3, AudienceKind.USERS)
    users[4].delete()
    done = live_inbox.run_campaign(campaign.id)
    assert (done.sent, done.failed, done.total) == (2, 1, 3)
    assert received() == {"u2": 1, "u7": 1}


def test_a_query_set_of_users_is_stored_as_it_is_now(users: list[User]) -> None:
    campaign = start(everybody=False, recipients=User.objects.filter(username__lt="u5"))
    User.objects.create(username="u11")
    assert live_inbox.run_campaign(campaign.id).sent == 5


def test_the_subscribers_of_a_topic_get_it(users: list[User]) -> None:
    for user in users[::2]:
        live_inbox.subscribe(user=user, topic="releases")
    live_inbox.subscribe(user=users[1], topic="releases.beta")
    campaign = start(everybody=False, topic="releases")
    assert (campaign.total, campaign.audience_name) == (5, "releases")
    live_inbox.unsubscribe(user=users[8], topic="releases")
    assert live_inbox.run_campaign(campaign.id).sent == 4
    assert received() == {user.username: 1 for user in users[:8:2]}


def test_a_segment_is_a_query_and_each_user_gets_it_once(users: list[User]) -> None:
    for name in ("customers", "customers of old"):
        Group.objects.create(name=name).user_set.set(users[2:8])
    with changed_settings(SEGMENTS=SEGMENTS):
        campaign = start(everybody=False, segment="customers")
        assert campaign.total == 6
        assert live_inbox.run_campaign(campaign.id).sent == 6
    assert received() == {user.username: 1 for user in users[2:8]}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"everybody": False}, "recipients"),
        ({"recipients": []}, "recipients"),
        ({"topic": "a", "segment": "b", "everybody": False}, "recipients"),
        ({"topic": "no blanks", "everybody": False}, "topic"),
        ({"segment": "unknown", "everybody": False}, "segment"),
        ({"recipients": "u1", "everybody": False}, "recipients"),
        ({"recipients": [True], "everybody": False}, "recipients"),
        ({"title": " "}, "title"),
        ({"sender": 0}, "sender"),
        ({"expires_at": timezone.now() - timedelta(days=1)}, "expires_at"),
        ({"idempotency_key": ""}, "idempotency_key"),
    ],
)
def test_what_is_not_acceptable_stores_nothing(
    users: list[User], changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        start(**changes)
    assert caught.value.field == field
    assert not BulkSend.objects.exists()


def test_more_recipients_than_a_bulk_may_have_are_refused(users: list[User]) -> None:
    with changed_settings(MAX_BULK_RECIPIENTS=9), pytest.raises(InvalidInput):
        start()
    assert not BulkSend.objects.exists()


def test_send_many_takes_a_topic_too(users: list[User]) -> None:
    for user in users[:3]:
        live_inbox.subscribe(user=user, topic="news")
    assert live_inbox.send_many(topic="news", title="x").sent == 3
    assert live_inbox.send_many(topic="nobody", title="x").sent == 0
    for recipients in ({}, {"topic": "news", "recipients": users}):
        with pytest.raises(InvalidInput):
            live_inbox.send_many(title="x", **recipients)  # type: ignore[arg-type]


# -- topics ----------------------------------------------------------------------------------------------


def test_topics_are_subscribed_to_and_left(users: list[User]) -> None:
    alice, bob = users[:2]
    assert live_inbox.subscribe(user=alice, topic="releases")
    assert not live_inbox.subscribe(user=alice, topic="releases")
    assert live_inbox.subscribe(user=alice.pk, topic="blog.python")
    assert live_inbox.topics(user=alice) == ["blog.python", "releases"]
    assert live_inbox.topics(user=bob) == []
    assert not live_inbox.unsubscribe(user=bob, topic="releases")
    assert live_inbox.unsubscribe(user=alice, topic="releases")
    assert live_inbox.topics(user=alice) == ["blog.python"]
    alice.delete()
    with pytest.raises(InvalidInput) as caught:
        live_inbox.subscribe(user=10_000_000, topic="x")
    assert caught.value.field == "user"


def test_a_user_has_so_many_topics_and_no_more(users: list[User]) -> None:
    with changed_settings(MAX_TOPICS=2):
        for topic in ("a", "b"):
            live_inbox.subscribe(user=users[0], topic=topic)
        assert not live_inbox.subscribe(user=users[0], topic="a")
        with pytest.raises(InvalidInput) as caught:
            live_inbox.subscribe(user=users[0], topic="c")
        assert caught.value.field == "topic"
        assert live_inbox.subscribe(user=users[1], topic="c")


@pytest.mark.django_db(transaction=True)
def test_the_quota_of_topics_holds_for_calls_at_once(users: list[User]) -> None:
    with changed_settings(MAX_TOPICS=2):
        calls = [
            partial(live_inbox.subscribe, user=users[0].pk, topic=f"t{n}") for n in range(THREADS)
        ]
        results = at_once(*calls)
    assert Counter(type(each) for each in results) == {bool: 2, InvalidInput: THREADS - 2}


# -- content ---------------------------------------------------------------------------------------------


def language_of(user: User) -> str:
    """The language of the tests' users."""
    return user.last_name


TYPES = {
    "invoice": {
        "title": {"en": "Invoice {{ number }}", "de": "Rechnung {{ number }}"},
        "message": {"en": "Thanks", "de": "Danke {{ friend }}"},
    }
}


def test_templates_are_rendered_for_each_recipient(users: list[User]) -> None:
    User.objects.filter(pk__in=[user.pk for user in users[:4]]).update(last_name="de")
    with changed_settings(TYPES=TYPES, RECIPIENT_LANGUAGE=f"{__name__}.language_of"):
        campaign = start(
            title=None, type="invoice", context={"number": 7, "friend": "Ana"}, priority="high"
        )
        done = live_inbox.run_campaign(campaign.id)
    assert done.sent == 10
    titles = Notification.objects.values_list("title", "message", "priority")
    assert Counter(titles) == {
        ("Rechnung 7", "Danke Ana", "high"): 4,
        ("Invoice 7", "Thanks", "high"): 6,
    }


def test_whom_it_cannot_be_made_for_is_counted_and_the_others_get_it(users: list[User]) -> None:
    """A name that only the German template needs."""
    User.objects.filter(pk__in=[user.pk for user in users[:6]]).update(last_name="de")
    with changed_settings(TYPES=TYPES, RECIPIENT_LANGUAGE=f"{__name__}.language_of"):
        campaign = start(title=None, type="invoice", context={"number": 7})
        done = live_inbox.run_campaign(campaign.id)
    assert (done.state, done.sent, done.failed) == (BulkState.DONE, 4, 6)
    assert received() == {user.username: 1 for user in users[6:]}


def test_those_without_a_language_get_that_of_the_start(users: list[User]) -> None:
    with changed_settings(TYPES=TYPES):
        with translation.override("de"):
            campaign = start(title=None, type="invoice", context={"number": 7, "friend": ""})
        with translation.override("en"):
            live_inbox.run_campaign(campaign.id)
    assert set(Notification.objects.values_list("title", flat=True)) == {"Rechnung 7"}


def test_who_does_not_want_the_type_does_not_get_it(users: list[User]) -> None:
    services.set_preference(user_id=users[0].pk, type="general", enabled=False)
    done = live_inbox.run_campaign(start().id)
    assert (done.sent, done.suppressed, done.dealt_with) == (9, 1, 10)


@pytest.mark.parametrize("is_user", [True, False])
def test_all_content_is_what_send_would_have_made_of_it(users: list[User], is_user: bool) -> None:
    ends = timezone.now() + timedelta(days=1, microseconds=7)
    content: dict[str, Any] = {
        "title": "A\tb",
        "message": "m",
        "type": "news",
        "link": "/x",
        "data": {"a": [1]},
        "expires_at": ends,
        "priority": "urgent",
        "icon": "receipt",
        "actor": {"user": users[2].pk, "picture": "/ana.png"} if is_user else "Ana",
        "target": users[3],
        "actions": [{"label": "Approve", "id": "approve"}, {"label": "Open", "link": "/7"}],
        "format": "markdown",
        "group_key": "post-7",
    }
    assert content.keys() == CONTENT_FIELDS.keys()
    live_inbox.run_campaign(start(**content, sender=users[0]).id)
    live_inbox.send(recipient=users[1], sender=users[0], **content)
    rows = Notification.objects.filter(recipient=users[1])
    first, second = rows.values(*CONTENT_FIELDS, "sender")
    assert first == second


def test_an_actor_who_is_deleted_before_it_begins_is_still_named(users: list[User]) -> None:
    campaign = start(everybody=False, recipients=users[:2], actor=users[9])
    users[9].delete()
    assert live_inbox.run_campaign(campaign.id).sent == 2
    actors = Notification.objects.values_list("actor__name", flat=True)
    assert set(actors) == {"u9"}


def test_one_that_has_expired_goes_to_nobody_else(users: list[User]) -> None:
    campaign = start(expires_at=timezone.now() + timedelta(days=1))
    CampaignOrder.objects.update(
        content={"title": "x", "expires_at": (timezone.now() - timedelta(seconds=1)).isoformat()}
    )
    ended = live_inbox.run_campaign(campaign.id)
    assert (ended.state, ended.reason) == (BulkState.CANCELLED, "The notification has expired.")
    assert not Notification.objects.exists()


# -- once ------------------------------------------------------------------------------------------------


def test_a_key_makes_one_campaign(users: list[User]) -> None:
    campaign = start(idempotency_key="k")
    live_inbox.run_campaign(campaign.id)
    again = start(idempotency_key="k")
    assert (again.id, again.state, again.sent) == (campaign.id, BulkState.DONE, 10)
    for changes in ({"title": "y"}, {"everybody": False, "topic": "t"}):
        with pytest.raises(Conflict):
            start(idempotency_key="k", **changes)
    with pytest.raises(Conflict):
        live_inbox.send_many(recipients=users, title="x", idempotency_key="k")
    assert start(idempotency_key="k", sender=users[0]).id != campaign.id
    assert sum(received().values()) == 10


def test_a_key_of_a_campaign_that_has_not_begun_is_a_conflict_for_send_many(
    users: list[User],
) -> None:
    start(idempotency_key="k")
    with pytest.raises(Conflict):
        live_inbox.send_many(recipients=users, title="x", idempotency_key="k")
    assert not Notification.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("bell")
def test_calls_at_once_with_a_key_start_one(users: list[User]) -> None:
    found = at_once(*[partial(start, idempotency_key="k")] * THREADS)
    assert len({getattr(each, "id", each) for each in found}) == 1
    assert BulkSend.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("bell")
def test_several_processes_share_the_work(users: list[User]) -> None:
    campaigns = [start(title=title) for title in ("a", "b", "c")]
    run = [partial(live_inbox.run_campaign, each.id) for each in campaigns for _ in range(2)]
    done = at_once(*run[:THREADS])
    assert [each for each in done if isinstance(each, Exception)] == []
    for campaign in campaigns:
        live_inbox.run_campaign(campaign.id)
    assert received() == {user.username: 3 for user in users}
    assert list(check_inboxes()) == []


def test_it_is_part_of_the_callers_transaction(users: list[User]) -> None:
    with pytest.raises(KeyError), transaction.atomic():
        start()
        raise KeyError
    assert not BulkSend.objects.exists()


# -- the servers -----------------------------------------------------------------------------------------


def test_housekeeping_carries_out_what_is_due_and_campaigns_take_turns(users: list[User]) -> None:
    first, second = (
        start(title="large"),
        start(everybody=False, title="small", recipients=users[:2]),
    )
    steps = run_campaigns_in_steps()
    next(steps), next(steps)
    assert live_inbox.campaign(second.id).sent == 2
    assert live_inbox.campaign(first.id).sent == 4
    list(steps)
    assert live_inbox.campaign(first.id).state is BulkState.DONE
    assert live_inbox.campaign(second.id).state is BulkState.DONE
    assert run_due_campaigns() == 0


def test_one_that_fails_does_not_keep_the_others_from_theirs(users: list[User]) -> None:
    users[0].groups.create(name="customers")
    with changed_settings(SEGMENTS=SEGMENTS):
        broken = start(everybody=False, segment="customers")
    others = [start(), start(title="y")]
    with pytest.raises(ImproperlyConfigured, match="no such segment"):
        run_due_campaigns()
    assert {live_inbox.campaign(each.id).state for each in others} == {BulkState.DONE}
    assert live_inbox.campaign(broken.id).state is BulkState.PENDING
    with changed_settings(SEGMENTS=SEGMENTS):
        assert run_due_campaigns() == 1


def test_nothing_to_do_is_one_query_and_calls_of_send_many_are_not_its_business(
    users: list[User],
) -> None:
    live_inbox.send_many(recipients=users, title="x", idempotency_key="k")
    BulkSend.objects.update(state=BulkState.RUNNING)
    with queries() as statements:
        assert run_due_campaigns() == 0
    assert len(statements) == 1


def test_a_step_costs_the_same_statements_for_any_number(users: list[User]) -> None:
    def cost(count: int) -> int:
        campaign = start(everybody=False, recipients=users[:count])
        with queries() as statements:
            assert next(iter(run_campaigns_in_steps())) == 1
        live_inbox.run_campaign(campaign.id)
        return len(statements)

    cost(4)
    assert cost(1) == cost(4)


def test_pruning_keeps_what_is_due(users: list[User]) -> None:
    old = timezone.now() - timedelta(days=31)
    due, done, cancelled, recalling = (start(title=title) for title in "abcd")
    live_inbox.run_campaign(done.id)
    live_inbox.cancel_campaign(cancelled.id)
    live_inbox.recall_campaign(recalling.id)
    live_inbox.send_many(recipients=users, title="x", idempotency_key="k")
    BulkSend.objects.update(changed_at=old)
    assert prune_bulk_sends() == 3
    assert set(BulkSend.objects.values_list("pk", flat=True)) == {due.id, recalling.id}
    assert CampaignOrder.objects.count() == 2
    assert live_inbox.run_campaign(due.id).sent == 10


# -- later -----------------------------------------------------------------------------------------------

HOUR = timedelta(hours=1)


def begins_now(campaign: live_inbox.Campaign) -> None:
    """Let the time come."""
    BulkSend.objects.filter(pk=campaign.id).update(deliver_at=timezone.now())


def test_nobody_gets_it_before_its_time(users: list[User]) -> None:
    campaign = start(deliver_at=HOUR)
    assert campaign.deliver_at is not None
    assert campaign.deliver_at > timezone.now()
    assert (campaign.state, campaign.total, campaign.is_due) == (BulkState.PENDING, 10, False)
    assert run_due_campaigns() == 0
    assert live_inbox.run_campaign(campaign.id) == campaign
    assert not InboxEvent.objects.exists()
    begins_now(campaign)
    assert run_due_campaigns() == 3
    assert live_inbox.campaign(campaign.id).state is BulkState.DONE
    assert received() == {user.username: 1 for user in users}


def test_others_are_carried_out_meanwhile(users: list[User]) -> None:
    start(deliver_at=HOUR)
    assert live_inbox.campaign(start(title="now").id).is_due
    assert run_due_campaigns() == 3
    assert set(Notification.objects.values_list("title", flat=True)) == {"now"}


def test_who_comes_and_goes_before_its_time_counts(users: list[User]) -> None:
    campaign = start(deliver_at=HOUR)
    users[0].delete()
    User.objects.create(username="late")
    begins_now(campaign)
    run_due_campaigns()
    assert received().keys() == {"late", *(user.username for user in users[1:])}


def test_a_time_that_has_come_is_at_once(users: list[User]) -> None:
    campaign = start(deliver_at=timezone.now())
    assert (campaign.deliver_at, campaign.is_due) == (None, True)


@pytest.mark.parametrize("end", [live_inbox.cancel_campaign, live_inbox.recall_campaign])
def test_it_is_ended_before_its_time(users: list[User], end: Any) -> None:
    campaign = start(deliver_at=HOUR)
    end(campaign.id)
    live_inbox.run_campaign(campaign.id)
    begins_now(campaign)
    run_due_campaigns()
    ended = live_inbox.campaign(campaign.id)
    assert ended.state in (BulkState.CANCELLED, BulkState.RECALLED)
    assert not InboxEvent.objects.exists()


def test_a_key_makes_one_campaign_for_later(users: list[User]) -> None:
    moment = timezone.now() + HOUR
    campaign = start(deliver_at=moment, idempotency_key="k")
    assert start(deliver_at=moment, idempotency_key="k").id == campaign.id
    for other in (moment + HOUR, HOUR, None):
        with pytest.raises(Conflict):
            start(deliver_at=other, idempotency_key="k")
    relative = start(deliver_at=HOUR, idempotency_key="l")
    assert start(deliver_at=HOUR, idempotency_key="l").id == relative.id


def test_a_time_to_live_counts_from_its_time_on(users: list[User]) -> None:
    moment = timezone.now() + HOUR
    campaign = start(deliver_at=moment, expires_at=HOUR)
    begins_now(campaign)
    run_due_campaigns()
    assert set(Notification.objects.values_list("expires_at", flat=True)) == {moment + HOUR}
    for content in (
        {"deliver_at": moment, "expires_at": moment},
        {"deliver_at": timedelta(days=367)},
    ):
        with pytest.raises(InvalidInput):
            start(**content)


def test_the_record_is_kept_until_its_time(users: list[User]) -> None:
    start(deliver_at=timedelta(days=300))
    BulkSend.objects.update(changed_at=timezone.now() - timedelta(days=31))
    assert prune_bulk_sends() == 0


# -- cancelling ------------------------------------------------------------------------------------------


def test_who_has_it_keeps_it_when_it_is_cancelled(users: list[User]) -> None:
    campaign = start()
    next(run_campaigns_in_steps())
    cancelled = live_inbox.cancel_campaign(campaign.id)
    assert (cancelled.state, cancelled.sent) == (BulkState.CANCELLED, 4)
    assert live_inbox.run_campaign(campaign.id) == cancelled
    assert run_due_campaigns() == 0
    assert sum(received().values()) == 4


def test_a_process_that_is_at_it_stops_when_it_is_cancelled(users: list[User]) -> None:
    campaign = start()
    steps = campaign_running.steps_of(campaign)
    assert next(steps) is Step.DONE
    live_inbox.cancel_campaign(campaign.id)
    assert list(steps) == [Step.ENDED]
    assert sum(received().values()) == 4


def test_cancelling_what_has_ended_does_nothing(users: list[User]) -> None:
    campaign = live_inbox.run_campaign(start().id)
    assert live_inbox.cancel_campaign(campaign.id).state is BulkState.DONE
    for call in (live_inbox.cancel_campaign, live_inbox.recall_campaign, live_inbox.run_campaign):
        with pytest.raises(NotFound):
            call(campaign.id + 1)


def test_a_call_of_send_many_is_cancelled_in_the_middle(
    users: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancel(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith("INSERT") and "bulksendchunk" in sql and BulkSendChunk.objects.exists():
            BulkSend.objects.update(state=BulkState.CANCELLED)
        return execute(sql, *rest)

    with pytest.raises(SendManyCancelled) as caught, connection.execute_wrapper(cancel):
        live_inbox.send_many(recipients=users, title="x", idempotency_key="k")
    assert (caught.value.progress.sent, caught.value.remaining) == (8, 2)
    assert client_error(caught.value).extensions == {
        "code": "CONFLICT",
        "sentCount": 8,
        "remainingCount": 2,
    }
    assert sum(received().values()) == 8
    with pytest.raises(Conflict, match="has been cancelled"):
        live_inbox.send_many(recipients=users, title="x", idempotency_key="k")
    assert sum(received().values()) == 8


def test_when_the_sender_is_deleted_it_ends(users: list[User]) -> None:
    sender = User.objects.create(username="zoe")
    campaign = start(sender=sender, idempotency_key="k")
    next(run_campaigns_in_steps())
    sender.delete()
    ended = live_inbox.run_campaign(campaign.id)
    assert (ended.state, ended.reason) == (BulkState.CANCELLED, "The sender was deleted.")
    assert (ended.sent, ended.idempotency_key) == (4, None)


# -- recalling -------------------------------------------------------------------------------------------


def test_a_recall_deletes_it_from_all_inboxes_with_events(
    users: list[User], verify_events: VerifyEvents
) -> None:
    live_inbox.send_many(recipients=users, title="stays")
    campaign = live_inbox.run_campaign(start().id)
    own = Notification.objects.filter(title="x").order_by("recipient")
    ids = list(own.values_list("recipient", "pk"))
    live_inbox.mark_read(user=ids[0][0], notification_id=ids[0][1])
    live_inbox.archive(user=ids[1][0], notification_id=ids[1][1])
    live_inbox.delete(user=ids[2][0], notification_id=ids[2][1])
    with verify_events(*users):
        assert live_inbox.recall_campaign(campaign.id).state is BulkState.RECALLING
        assert own.count() == 9
        recalled = live_inbox.run_campaign(campaign.id)
    assert (recalled.state, recalled.sent, recalled.recalled) == (BulkState.RECALLED, 10, 9)
    assert set(Notification.objects.values_list("title", flat=True)) == {"stays"}
    assert list(check_inboxes()) == []
    assert live_inbox.recall_campaign(campaign.id) == recalled


def test_a_recall_in_the_middle_stops_the_sending(users: list[User]) -> None:
    campaign = start()
    next(run_campaigns_in_steps())
    live_inbox.recall_campaign(campaign.id)
    run_due_campaigns()
    recalled = live_inbox.campaign(campaign.id)
    assert (recalled.state, recalled.sent, recalled.recalled) == (BulkState.RECALLED, 4, 4)
    assert not Notification.objects.exists()
    assert sum(received().values()) == 4


def test_a_call_of_send_many_is_recalled_by_its_id(users: list[User]) -> None:
    sent = live_inbox.send_many(recipients=users, title="x", idempotency_key="k")
    assert sent.campaign_id is not None
    campaign = live_inbox.campaign(sent.campaign_id)
    assert (campaign.state, campaign.sent, campaign.audience) == (BulkState.DONE, 10, None)
    live_inbox.recall_campaign(campaign.id)
    assert live_inbox.run_campaign(campaign.id).recalled == 10
    assert not Notification.objects.exists()
    with pytest.raises(Conflict):
        live_inbox.send_many(recipients=users, title="x", idempotency_key="k")
    assert live_inbox.send_many(recipients=users, title="x").campaign_id is None


# -- the policy ------------------------------------------------------------------------------------------


def even(caller: User, recipient_id: str, scopes: frozenset[str]) -> bool:
    """A policy: users with an even key, and with the scope."""
    return int(recipient_id) % 2 == 0 and "notifications:send" in scopes


def test_the_policy_is_asked_for_each_recipient_when_their_turn_comes(users: list[User]) -> None:
    with changed_settings(SEND_POLICY=f"{__name__}.even"):
        campaign = services.start_campaign(
            audience=audience_of(everybody=True),
            sender_id=users[0].pk,
            scopes={"notifications:send"},
            title="x",
        )
        done = live_inbox.run_campaign(campaign.id)
    assert (done.sent, done.failed) == (5, 5)
    assert all(
        int(key) % 2 == 0 for key in Notification.objects.values_list("recipient", flat=True)
    )


def test_a_sender_who_loses_the_permission_meanwhile_reaches_nobody_else(users: list[User]) -> None:
    sender = users[0]
    sender.user_permissions.add(Permission.objects.get(codename="send_notification"))
    campaign = services.start_campaign(
        audience=audience_of(everybody=True), sender_id=sender.pk, scopes=(), title="x"
    )
    next(run_campaigns_in_steps())
    sender.user_permissions.clear()
    done = live_inbox.run_campaign(campaign.id)
    # To themselves they may send anyhow.
    assert (done.sent, done.failed) == (4, 6)


# -- records ---------------------------------------------------------------------------------------------


def test_the_record_says_what_became_of_each(users: list[User]) -> None:
    services.set_preference(user_id=users[0].pk, type="general", enabled=False)
    live_inbox.run_campaign(start().id)
    ids = dict(Notification.objects.values_list("recipient", "pk"))
    rows = BulkSendChunk.objects.order_by("number")
    assert [json.loads(row.outcomes) for row in rows] == [
        [[user.pk, ids.get(user.pk)] for user in part]
        for part in (users[:4], users[4:8], users[8:])
    ]


def test_a_step_of_another_process_is_not_waited_for(users: list[User]) -> None:
    """What housekeeping does with it is nothing, and it does not end the campaign."""
    campaign = start()
    steps = campaign_running.steps_of(campaign)
    with pytest.MonkeyPatch.context() as patch:

        def busy(*_: object, **__: object) -> None:
            raise Busy

        patch.setattr(campaign_running, "lock_campaign", busy)
        assert list(steps) == [Step.LOCKED]
    assert live_inbox.campaign(campaign.id).state is BulkState.PENDING
