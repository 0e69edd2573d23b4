"""Lists that are asked for at the same moment, and read together."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError

from live_inbox import list_batches, selectors, services
from live_inbox.list_batches import MOST, MOST_OF_USER
from tests.changed_settings import changed_settings
from tests.graphql.http_client import bearer
from tests.graphql.test_token_requests import answered

pytestmark = pytest.mark.django_db(transaction=True)

LIST = json.dumps({"query": "{ notifications(first: 2) { totalCount nodes { title } } }"})
UNREAD = json.dumps(
    {"query": "{ notifications(first: 2, filter: {read: false}) { nodes { id } } }"}
)
OLDEST = json.dumps({"query": "{ notifications(last: 2) { nodes { title } } }"})

Reading = list[Any]


@pytest.fixture(autouse=True)
def _accounts_are_read_once() -> Iterator[None]:
    """However long a test takes, its accounts were read a moment ago."""
    with changed_settings(ACCOUNT_CHECK_SECONDS=60):
        yield


@pytest.fixture
def users() -> list[User]:
    users = [User.objects.create_user(f"user {number}") for number in range(2 * MOST)]
    for number, user in enumerate(users):
        for _ in range(number % 4):
            services.send(recipient_id=user.pk, title=f"for {number}")
    return users


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[Reading]:
    """The users of each reading."""
    found: list[Reading] = []
    original = selectors.newest_pages

    def newest_pages(*, user_ids: Sequence[Any], **rest: Any) -> Any:
        found.append(list(user_ids))
        return original(user_ids=user_ids, **rest)

    monkeypatch.setattr(selectors, "newest_pages", newest_pages)
    return found


async def tokens_of(users: Sequence[User]) -> list[str]:
    """Return a token of each user, which the server knows."""
    tokens = [bearer(user) for user in users]
    for token in tokens:
        assert (await answered(token, LIST)).status_code == 200
    return tokens


async def test_who_asks_at_the_same_moment_is_answered_together(
    users: list[User], readings: list[Reading]
) -> None:
    tokens = await tokens_of(users)
    alone = [(await answered(token, LIST)).content for token in tokens]
    readings.clear()
    together = await asyncio.gather(*(answered(token, LIST) for token in tokens))
    assert [answer.content for answer in together] == alone
    assert len(set(alone)) == len({json.dumps(each) for each in map(json.loads, alone)}) > 10
    assert [len(each) for each in readings] == [MOST, MOST]


async def test_who_asks_for_something_else_is_read_apart(
    users: list[User], readings: list[Reading]
) -> None:
    tokens = await tokens_of(users[:4])
    asked = [(token, content) for token in tokens for content in (LIST, UNREAD)]
    alone = [(await answered(token, content)).content for token, content in asked]
    readings.clear()
    together = await asyncio.gather(*(answered(token, content) for token, content in asked))
    assert [answer.content for answer in together] == alone
    assert readings == [[str(user.pk) for user in users[:4]]] * 2


async def test_one_user_has_few_in_a_reading(users: list[User], readings: list[Reading]) -> None:
    token, *_ = await tokens_of(users[:1])
    readings.clear()
    found = await asyncio.gather(*(answered(token, LIST) for _ in range(6)))
    assert len({answer.content for answer in found}) == 1
    assert sum(map(len, readings)) == MOST_OF_USER


@pytest.mark.parametrize(
    "content", [OLDEST, json.dumps({"query": "{ viewer { id } notifications { totalCount } }"})]
)
async def test_other_lists_have_turns_of_their_own(
    users: list[User], readings: list[Reading], content: str
) -> None:
    tokens = await tokens_of(users[:3])
    readings.clear()
    found = await asyncio.gather(*(answered(token, content) for token in tokens))
    assert [answer.status_code for answer in found] == [200] * 3
    assert readings == []


async def test_names_of_the_project_have_turns_of_their_own(
    users: list[User], readings: list[Reading]
) -> None:
    tokens = await tokens_of(users[:3])
    readings.clear()
    with changed_settings(
        ACCOUNT_CHECK_SECONDS=60, SENDER_NAME="tests.domain.test_shown_names.initials"
    ):
        await asyncio.gather(*(answered(token, LIST) for token in tokens))
    assert readings == []


async def test_a_reading_that_fails_fails_no_other(
    users: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = await tokens_of(users)
    original = selectors.newest_pages

    def newest_pages(*, user_ids: Sequence[Any], **rest: Any) -> Any:
        if str(users[0].pk) in user_ids:
            raise OperationalError("gone")
        return original(user_ids=user_ids, **rest)

    monkeypatch.setattr(selectors, "newest_pages", newest_pages)
    found = await asyncio.gather(*(answered(token, LIST) for token in tokens))
    errors = [json.loads(answer.content).get("errors") for answer in found]
    assert [bool(error) for error in errors] == [True] * MOST + [False] * MOST
    assert errors[0][0]["extensions"]["code"] == "SERVICE_UNAVAILABLE"
    monkeypatch.undo()
    assert "errors" not in json.loads((await answered(tokens[0], LIST)).content)


@dataclass
class Held:
    """The readings of one user, which wait in their thread."""

    user: User
    begun: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def held(users: list[User], monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    """Hold the readings of the first user."""
    held = Held(users[0])
    original = selectors.newest_pages

    def newest_pages(*, user_ids: Sequence[Any], **rest: Any) -> Any:
        if str(held.user.pk) in user_ids and not held.released.is_set():
            held.begun.set()
            assert held.released.wait(30)
        return original(user_ids=user_ids, **rest)

    monkeypatch.setattr(selectors, "newest_pages", newest_pages)
    yield held
    held.released.set()


async def test_a_slow_reading_does_not_hold_up_others(
    users: list[User], held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A call counts as slow as soon as it has begun.
    monkeypatch.setattr(list_batches, "SLOW_SECONDS", -1.0)
    held.released.set()
    slow, *others = await tokens_of(users[:3])
    held.released.clear()
    waiting = asyncio.create_task(answered(slow, LIST))
    assert await asyncio.to_thread(held.begun.wait, 30)
    for token in others:
        assert (await answered(token, LIST)).status_code == 200
    assert not waiting.done()
    held.released.set()
    assert (await waiting).status_code == 200


async def test_who_waits_too_long_is_told_so(users: list[User], held: Held) -> None:
    held.released.set()
    token, *_ = await tokens_of(users[:1])
    held.released.clear()
    with changed_settings(ACCOUNT_CHECK_SECONDS=60, DATABASE_SECONDS=0.1):
        (error,) = json.loads((await answered(token, LIST)).content)["errors"]
    assert error["extensions"]["code"] == "SERVICE_UNAVAILABLE"
    assert not list_batches.list_batches()._asked
