"""Links of what notifications are about: read when they are asked for, together, and null where there is none."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import pytest
from django.contrib.auth.models import Group, User

from live_inbox import selectors, services
from live_inbox.database_threads import in_database_thread
from live_inbox.metrics import TARGET_LINK_FAULTS
from live_inbox_graphql.schema import build
from tests.changed_settings import changed_settings
from tests.domain.query_counting import queries
from tests.graphql.graphql_server import Client
from tests.graphql.http_client import Ask

HERE = "tests.graphql.test_target_links"
LIST = "{ notifications { nodes { target { type objectId link } } } }"

calls: list[list[str]] = []


def links_of(keys: Collection[str]) -> Mapping[str, Any]:
    """A project's function for TARGET_LINKS: it knows keys that begin with `a`, and returns some rubbish."""
    calls.append(sorted(keys))
    rubbish = {"javascript": "javascript:alert(1)", "nothing": None, "not asked": "/x", "seven": 7}
    return {key: f"/things/{key}" for key in keys if key.startswith("a")} | rubbish


def failing(keys: Collection[str]) -> Mapping[str, Any]:
    """A project's function that fails."""
    raise RuntimeError("no links today")


def _page_of_group(group: Group) -> str:
    if group.name == "failing":
        raise RuntimeError("no page")
    return f"/groups/{group.pk}/"


@pytest.fixture(autouse=True)
def linked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Models with links: groups by themselves, and two whose links functions know."""
    monkeypatch.setattr(Group, "get_absolute_url", _page_of_group, raising=False)
    calls.clear()
    links = {
        "auth.Group": True,
        "shop.thing": f"{HERE}.links_of",
        "shop.broken": f"{HERE}.failing",
    }
    with changed_settings(TARGET_LINKS=links):
        yield


def send(user: User, *targets: object) -> None:
    for target in targets:
        services.send(recipient_id=user.pk, title="x", target=target)


def thing(id: str) -> dict[str, str]:
    return {"type": "shop.thing", "id": id}


async def links(ask: Ask, user: User) -> list[str | None]:
    answer = await ask(LIST, user)
    assert answer.keys() == {"data"}, answer
    nodes = answer["data"]["notifications"]["nodes"]
    return [node["target"] and node["target"]["link"] for node in reversed(nodes)]


async def test_objects_have_the_links_that_the_site_gives_them(ask: Ask, alice: User) -> None:
    group = await Group.objects.acreate(name="g")
    gone = {"type": "auth.group", "id": group.pk + 1}
    targets = [group, gone, thing("a1"), thing("b1"), {"type": "shop.other", "id": "a1"}, None]
    await in_database_thread(send, alice, *targets)
    assert await links(ask, alice) == [f"/groups/{group.pk}/", None, "/things/a1", None, None, None]
    await group.adelete()
    assert (await links(ask, alice))[0] is None


async def test_all_of_an_answer_are_read_by_one_call_for_each_model(ask: Ask, alice: User) -> None:
    targets = [thing(f"a{number}") for number in range(15)]
    await in_database_thread(send, alice, *targets, thing("a3"))
    assert await links(ask, alice) == [f"/things/{each['id']}" for each in [*targets, targets[3]]]
    assert calls == [sorted(each["id"] for each in targets)]


def test_any_number_of_objects_takes_one_query(alice: User) -> None:
    groups = [Group.objects.create(name=f"g{number}") for number in range(20)]
    asked = [("auth.group", str(group.pk)) for group in groups]
    with queries() as made:
        found = selectors.target_links(asked)
    assert found == {each: f"/groups/{each[1]}/" for each in asked}
    assert len(made) == 1


@pytest.mark.parametrize("id", ["x", "1.5", "-1", "9" * 30, "١", "None", "\U0001f514"])
def test_what_is_no_key_of_the_model_has_no_link(alice: User, id: str) -> None:
    assert selectors.target_links([("auth.group", id)]) == {}


def test_rubbish_has_no_link_and_is_counted(alice: User, caplog: pytest.LogCaptureFixture) -> None:
    failing_group = Group.objects.create(name="failing")
    wrong = [
        ("shop.thing", "javascript"),
        ("shop.thing", "nothing"),
        ("shop.thing", "seven"),
        ("shop.broken", "a1"),
        ("auth.group", str(failing_group.pk)),
    ]
    before = TARGET_LINK_FAULTS._value.get()
    with caplog.at_level(logging.WARNING):
        found = selectors.target_links([*wrong, ("shop.thing", "a1")])
    assert found == {("shop.thing", "a1"): "/things/a1"}
    assert TARGET_LINK_FAULTS._value.get() - before == 4


async def test_events_have_links_where_they_are_asked_for(client: Client, alice: User) -> None:
    document = """subscription { notificationEvents(after: "0") {
        ... on NotificationAdded { notification { target { link } } } } }"""
    await client.start("1", document, {})
    await in_database_thread(send, alice, thing("a1"), thing("b1"))
    for link in ("/things/a1", None):
        event = await client.data("1")
        assert event == {"notification": {"target": {"link": link}}}


def test_a_schema_that_is_executed_synchronously_has_links(
    alice: User, configure: Callable[..., None]
) -> None:
    send(alice, thing("a1"))
    found = selectors.page(user_id=alice.pk, limit=1).notifications[0].target
    assert found == thing("a1")
    target = build().schema.get_type_by_name("NotificationTarget")
    assert target is not None
    shown = target.origin.of(found)  # type: ignore[union-attr]
    assert shown.link() == "/things/a1"
