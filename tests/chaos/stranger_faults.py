"""Doorbells that are not of this site: of a second deployment on the same Redis, replayed ones and forged ones."""

from __future__ import annotations

import json
import os
import random
import time

import msgpack
import msgspec
import psycopg
import redis

from live_inbox.delivery.doorbell_message import DoorbellCodec, DoorbellMessage
from tests.chaos.database import PostgresDatabase
from tests.chaos.fault import ActiveFault, fault
from tests.chaos.history import Place
from tests.chaos.system import SystemUnderTest
from tests.waiting import comes_true

STRANGERS_PER_SECOND = 60
STRANGE_INBOXES = 4
STRANGE_EVENTS = 100
WRITER_SECONDS = 30.0
RECORD_SECONDS = 2.0
FORGED = "forged"
FORGER = DoorbellCodec(lambda: (b"the key of somebody else" * 2,))
Recorded = list[tuple[bytes, bytes]]


@fault("second-deployment", target="redis", needs="redis", least_seconds=8.0, only_alone=True)
def _second_deployment(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    """A copy of this site, with a secret of its own, uses the same Redis and writes. Nobody here may see it."""
    assert isinstance(system.database, PostgresDatabase)
    url = system.database.copy("second_deployment")
    secret = "the-secret-key-of-the-second-deployment-which-is-long-enough"
    environment = {**system.environment, "DATABASE_URL": url, "SECRET_KEY": secret}
    inboxes = [user for user, _ in rng.sample(system.users, STRANGE_INBOXES)]
    before = system.database.heads()
    # Its next events have the epochs and the numbers of ours.
    with psycopg.connect(url) as connection:
        for user, head in before.items():
            connection.execute(
                "UPDATE live_inbox_inbox SET epoch = %s, last_sequence = %s WHERE user_id = %s",
                [head.epoch, head.sequence, user],
            )
    system.write(
        "stranger",
        "steady",
        per_second=STRANGERS_PER_SECOND,
        inboxes=inboxes,
        environment=environment,
        is_recorded=False,
    )
    yield
    other = PostgresDatabase(system.database.cluster, url)

    def written() -> int:
        heads = other.heads()
        return sum(heads[user].sequence - before[user].sequence for user in inboxes)

    comes_true(lambda: written() >= STRANGE_EVENTS, seconds=WRITER_SECONDS)
    system.kill_writers("stranger")
    system.effect("second-deployment", "events of the other", written())


def _record(system: SystemUnderTest, client: redis.Redis) -> Recorded:
    """Return what is published for a while."""
    recorded: Recorded = []
    with client.pubsub() as subscription:  # type: ignore[no-untyped-call]
        subscription.psubscribe("*")
        deadline = time.monotonic() + RECORD_SECONDS
        while time.monotonic() < deadline:
            message = subscription.get_message(timeout=0.2)
            if message and message["type"] == "pmessage":
                recorded.append((message["channel"], message["data"]))
    return recorded


@fault("doorbells-replayed", target="redis", needs="redis")
def _doorbells_replayed(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    """Somebody who can read Redis publishes old doorbells again, in any order."""
    assert system.redis is not None
    with redis.Redis.from_url(system.redis.url) as client:
        recorded = _record(system, client)
        yield
        rng.shuffle(recorded)
        received = sum(client.publish(channel, data) for channel, data in recorded)
    system.effect("doorbells-replayed", "deliveries", received)


@fault("doorbells-forged", target="redis", needs="redis")
def _doorbells_forged(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    """Somebody publishes doorbells with the right epoch and the next number, but with other content.

    Every second one keeps the MAC that it had; the others have the MAC of another key.
    """
    assert system.redis is not None
    events = 0
    with redis.Redis.from_url(system.redis.url) as client:
        recorded = _record(system, client)
        heads = {str(user): place for user, place in system.database.heads().items()}
        for number, (channel, data) in enumerate(recorded):
            message = msgpack.unpackb(data, raw=False)
            forged = _forged_doorbell(
                msgspec.msgpack.decode(message["body"], type=DoorbellMessage), heads
            )
            kept_mac = {"mac": message["mac"]} if number % 2 else {}
            data = msgpack.packb(FORGER.encode(forged) | kept_mac, use_bin_type=True)
            if client.publish(channel, data):
                events += sum(map(len, forged.inboxes.values()))
        yield
    system.effect("doorbells-forged", "events", events)


def _forged_doorbell(message: DoorbellMessage, heads: dict[str, Place]) -> DoorbellMessage:
    """Return a message in which every event is another one, and which comes from another process."""
    inboxes = {
        inbox: [_forged_event(entry, heads[inbox]) for entry in entries]
        for inbox, entries in message.inboxes.items()
        if inbox in heads
    }
    return DoorbellMessage(message.deployment, FORGED, time.time(), os.urandom(16), inboxes)


def _forged_event(encoded: bytes, place: Place) -> bytes:
    event = json.loads(encoded)
    event |= {"epoch": place.epoch, "sequence": place.sequence + 1, "previous_fingerprint": 0}
    if event.get("notification"):
        event["notification"] |= {"title": FORGED, "message": FORGED}
    return json.dumps(event).encode()
