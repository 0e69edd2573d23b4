"""Campaigns and topics over GraphQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Permission, User
from django.utils import timezone

import live_inbox
from live_inbox import selectors
from live_inbox.models import BulkSend, Notification
from live_inbox.services import campaign_running
from tests.domain.query_counting import queries
from tests.graphql.http_client import Ask

Configure = Callable[..., None]

START = """
    mutation ($input: StartCampaignInput!) { startCampaign(input: $input) { campaign {
      id state total sent suppressed failed scheduled recalled seen read isExact reason topic segment
      deliverAt startedAt changedAt
    } } }
"""
CAMPAIGN = "query ($id: ID!) { campaign(id: $id) { state total sent suppressed failed seen read } }"
CANCEL = "mutation ($id: ID!) { cancelCampaign(id: $id) { campaign { state } } }"
RECALL = "mutation ($id: ID!) { recallCampaign(id: $id) { campaign { state } } }"
SUBSCRIBE = "mutation ($topic: String!) { subscribeToTopic(topic: $topic) { changed topics } }"
UNSUBSCRIBE = (
    "mutation ($topic: String!) { unsubscribeFromTopic(topic: $topic) { changed topics } }"
)

run = sync_to_async(live_inbox.run_campaign)


async def start(ask: Ask, user: User, *scopes: str, **changes: Any) -> Any:
    given = {"title": "x", "everybody": True} | changes
    payload = await ask.data(START, user, {"input": given}, *scopes)
    return payload["campaign"]


def number_of(campaign: Any) -> int:
    return int(campaign["id"].removeprefix("campaign:"))


async def test_a_campaign_for_later_is_cancelled_before(ask: Ask, alice: User, staff: User) -> None:
    moment = "2126-01-01T00:00:00Z"
    far = await ask(START, staff, {"input": {"title": "x", "everybody": True, "deliverAt": moment}})
    assert far["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    later = f"{timezone.now() + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    started = await start(ask, staff, deliverAt=later)
    assert started["deliverAt"].replace("+00:00", "Z") == later
    assert (await run(number_of(started))).sent == 0
    ended = await ask.data(CANCEL, staff, {"id": started["id"]})
    assert ended == {"campaign": {"state": "CANCELLED"}}


async def test_what_send_many_has_scheduled_counts_and_is_recalled(
    ask: Ask, alice: User, staff: User
) -> None:
    document = "mutation ($input: SendManyInput!) { sendMany(input: $input) { campaignId results { status } } }"
    later = f"{timezone.now() + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    given = {
        "title": "x",
        "recipientIds": [str(alice.pk)],
        "idempotencyKey": "k",
        "deliverAt": later,
    }
    sent = await ask.data(document, staff, {"input": given})
    assert sent["results"] == [{"status": "SCHEDULED"}]
    counts = "query ($id: ID!) { campaign(id: $id) { state total scheduled } }"
    id = {"id": sent["campaignId"]}
    assert await ask.data(counts, staff, id) == {"state": "RUNNING", "total": 1, "scheduled": 1}
    await ask.data(RECALL, staff, id)
    await run(number_of(id))
    assert await ask.data(counts, staff, id) == {"state": "RECALLED", "total": 1, "scheduled": 0}


async def test_a_campaign_is_started_carried_out_and_recalled(
    ask: Ask, alice: User, bob: User, staff: User
) -> None:
    started = await start(ask, staff, priority="HIGH", idempotencyKey="k")
    assert started.pop("startedAt")
    assert started.pop("changedAt")
    id = started.pop("id")
    assert started == {
        "state": "PENDING",
        "total": 3,
        **dict.fromkeys(
            ("sent", "suppressed", "failed", "scheduled", "recalled", "seen", "read"), 0
        ),
        "isExact": True,
        **dict.fromkeys(("reason", "topic", "segment", "deliverAt")),
    }
    number = int(id.removeprefix("campaign:"))
    await run(number)
    notification = await Notification.objects.aget(recipient=alice)
    assert (notification.priority, notification.sender_id) == ("high", staff.pk)
    await live_inbox.amark_seen(user=bob)
    await live_inbox.amark_read(user=alice, notification_id=notification)
    assert await ask.data(CAMPAIGN, staff, {"id": id}) == {
        "state": "DONE",
        "total": 3,
        "sent": 3,
        "suppressed": 0,
        "failed": 0,
        "seen": 2,
        "read": 1,
    }
    again = await start(ask, staff, priority="HIGH", idempotencyKey="k")
    assert (again["id"], again["sent"]) == (id, 3)
    assert await ask.data(CANCEL, staff, {"id": id}) == {"campaign": {"state": "DONE"}}
    assert await ask.data(RECALL, staff, {"id": id}) == {"campaign": {"state": "RECALLING"}}
    await run(number)
    assert (await ask.data(CAMPAIGN, staff, {"id": id}))["state"] == "RECALLED"
    assert not await Notification.objects.aexists()


async def test_a_call_of_send_many_is_recalled_by_its_id(
    ask: Ask, alice: User, staff: User
) -> None:
    document = "mutation ($input: SendManyInput!) { sendMany(input: $input) { campaignId } }"
    given = {"title": "x", "recipientIds": [str(alice.pk)]}
    assert await ask.data(document, staff, {"input": given}) == {"campaignId": None}
    sent = await ask.data(document, staff, {"input": given | {"idempotencyKey": "k"}})
    assert (await ask.data(CAMPAIGN, staff, {"id": sent["campaignId"]}))["sent"] == 1
    await ask.data(RECALL, staff, {"id": sent["campaignId"]})
    await run(number_of({"id": sent["campaignId"]}))
    assert await Notification.objects.acount() == 1


async def test_a_topic(ask: Ask, alice: User, bob: User, staff: User, configure: Configure) -> None:
    configure(OPEN_TOPICS=["news", "product.*"])
    assert await ask.data(SUBSCRIBE, alice, {"topic": "news"}) == {
        "changed": True,
        "topics": ["news"],
    }
    subscribed = await ask.data(SUBSCRIBE, alice, {"topic": "product.7"})
    assert subscribed["topics"] == ["news", "product.7"]
    assert not (await ask.data(SUBSCRIBE, alice, {"topic": "news"}))["changed"]
    assert await ask.data("{ topics }", alice) == ["news", "product.7"]
    assert await ask.data("{ topics }", bob) == []
    started = await start(ask, staff, everybody=False, topic="news")
    assert (started["topic"], started["total"]) == ("news", 1)
    await run(number_of(started))
    assert [each.recipient_id async for each in Notification.objects.all()] == [alice.pk]
    assert await ask.data(UNSUBSCRIBE, alice, {"topic": "news"}) == {
        "changed": True,
        "topics": ["product.7"],
    }


@pytest.mark.parametrize(
    ("open_topics", "topic", "code"),
    [
        ([], "news", "FORBIDDEN"),
        (["news"], "newsletter", "FORBIDDEN"),
        (["product.*"], "product", "FORBIDDEN"),
        (["news"], "no blanks", "BAD_USER_INPUT"),
    ],
)
async def test_topics_that_are_not_open(
    ask: Ask,
    alice: User,
    configure: Configure,
    open_topics: Sequence[str],
    topic: str,
    code: str,
) -> None:
    configure(OPEN_TOPICS=open_topics)
    error = await ask.error(SUBSCRIBE, alice, {"topic": topic})
    assert error["extensions"]["code"] == code
    if code == "FORBIDDEN":
        # Those whom the project has subscribed may leave.
        await live_inbox.asubscribe(user=alice, topic=topic)
        assert (await ask.data(UNSUBSCRIBE, alice, {"topic": topic}))["topics"] == []


async def test_changes_of_topics_count_in_the_rate(
    ask: Ask, alice: User, configure: Configure
) -> None:
    configure(OPEN_TOPICS=["news"], CHANGE_RATE="1/minute burst 1")
    await ask.data(SUBSCRIBE, alice, {"topic": "news"})
    error = await ask.error(UNSUBSCRIBE, alice, {"topic": "news"})
    assert error["extensions"]["code"] == "RATE_LIMITED"


async def test_only_those_who_may_send_to_anybody_start_campaigns(
    ask: Ask, alice: User, staff: User
) -> None:
    given = {"input": {"title": "x", "everybody": True}}
    assert (await ask.error(START, alice, given))["extensions"]["code"] == "FORBIDDEN"
    body = await ask(START, staff, given, "notifications:read")
    assert body["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert not await BulkSend.objects.aexists()
    service = await start(ask, alice, "notifications:send-to-anyone")
    assert (await run(number_of(service))).sent == 2


async def test_starting_counts_in_the_rate_of_sends(
    ask: Ask, staff: User, configure: Configure
) -> None:
    configure(SEND_RATE="1/minute burst 1")
    await start(ask, staff)
    error = await ask.error(START, staff, {"input": {"title": "x", "everybody": True}})
    assert error["extensions"]["code"] == "RATE_LIMITED"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": ""}, "input.title"),
        ({"everybody": False}, "input.topic"),
        ({"topic": "a"}, "input.topic"),
        ({"everybody": False, "segment": "x"}, "input.segment"),
        ({"everybody": False, "topic": "a b"}, "input.topic"),
        ({"idempotencyKey": " "}, "input.idempotencyKey"),
    ],
)
async def test_what_is_refused_names_the_field(
    ask: Ask, staff: User, changes: dict[str, Any], field: str
) -> None:
    given = {"title": "x", "everybody": True} | changes
    error = await ask.error(START, staff, {"input": given})
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "field": field}


async def test_others_do_not_find_it_unless_they_may_view_campaigns(
    ask: Ask, alice: User, bob: User, staff: User
) -> None:
    started = await start(ask, staff)
    given = {"id": started["id"]}
    for document in (CAMPAIGN, CANCEL, RECALL):
        for each in (given, {"id": "campaign:99999"}, {"id": "x"}, {"id": "user:1"}):
            error = await ask.error(document, alice, each)
            assert error["extensions"]["code"] == "NOT_FOUND"
    await bob.user_permissions.aadd(await Permission.objects.aget(codename="view_bulksend"))
    assert (await ask.data(CAMPAIGN, bob, given))["state"] == "PENDING"
    assert (await ask.error(CANCEL, bob, given))["extensions"]["code"] == "FORBIDDEN"
    await bob.user_permissions.aadd(await Permission.objects.aget(codename="send_notification"))
    assert await ask.data(CANCEL, bob, given) == {"campaign": {"state": "CANCELLED"}}
    # Of a token with narrower scopes, the permissions of its user do not count.
    body = await ask(CAMPAIGN, bob, given, "notifications:read")
    assert body["errors"][0]["extensions"]["code"] == "NOT_FOUND"


def test_beyond_ten_thousand_the_numbers_are_estimated_at_a_fixed_cost(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaign_running, "STEP_RECIPIENTS", 1)
    users = User.objects.bulk_create(User(username=f"one of sixty {n}") for n in range(60))
    campaign = live_inbox.run_campaign(live_inbox.start_campaign(recipients=users, title="x").id)
    for user in users[::2]:
        live_inbox.mark_all_read(user=user)
    with queries() as statements:
        found = selectors.reception(campaign_id=campaign.id)
    assert len(statements) == 3
    # Every third one is looked at: half of them are read.
    assert found == selectors.Reception(seen=30, read=30, is_exact=False)
