"""Attacks with an account, or on one: operations, unread sockets, tokens, guesses, floods of notifications."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import Iterator
from contextlib import closing
from itertools import count, repeat

import psycopg

from tests.siege.attack import attack
from tests.siege.traffic import Attacker, get, operation, post, text

LIST = """{ notifications(first: 100) { totalCount nodes {
    id type title message link data read readAt createdAt expiresAt sender { id name username } } } }"""
"""The largest page, with all fields."""

ALL = "{ notificationEvents { __typename position unreadCount } }"
MARK = "mutation($id: ID!) { markRead(id: $id) { unreadCount } }"
SEND = 'mutation($to: ID!) { send(input: {recipientId: $to, title: "flood"}) { suppressed } }'
SMALL_BUFFER = 4096
CSRF = "a" * 32
PASSWORDS = 1_000_000


@attack("half-read-results", "429", "close 1013")
async def _half_read_results(attacker: Attacker) -> None:
    """100 clients that ask for lists of 100 large notifications, and read half of the first."""
    request = operation(LIST, attacker.plan.account.token)

    async def client(number: int) -> None:
        async with attacker.connection(number, buffer_bytes=SMALL_BUFFER) as stream:
            await stream.send(request * 10)
            await stream.reader.readexactly(5000)
            attacker.outcomes["half"] += 1
            await asyncio.sleep(3600)

    await attacker.crowd(100, client)


@attack("unread-subscriptions", "429", "close 1013", "close 4429")
async def _unread_subscriptions(attacker: Attacker) -> None:
    """20 sockets that subscribe and complete in a loop, and ask for lists, without reading."""
    token = attacker.plan.account.token
    complete = text({"id": "a", "type": "complete"})
    subscribe = text({"id": "a", "type": "subscribe", "payload": {"query": f"subscription {ALL}"}})
    listing = text({"id": "b", "type": "subscribe", "payload": {"query": LIST}})
    data = (subscribe + complete) * 5 + listing

    async def client(number: int) -> None:
        async with attacker.socket(number, token=token, buffer_bytes=SMALL_BUFFER) as stream:
            while True:
                attacker.outcomes["sent"] += 1
                await stream.send(data)
                # Within the rate of a socket's messages, which would end it otherwise.
                await asyncio.sleep(0.2)

    await attacker.crowd(20, client)


@attack("lists-in-flight", "429", "503")
async def _lists_in_flight(attacker: Attacker) -> None:
    """One user with 50 requests in flight, each for a list of the largest cost."""
    request = operation(LIST, attacker.plan.account.token)
    await attacker.crowd(50, lambda number: attacker.requests(number, repeat(request)))


@attack("changes-in-flight", "429", "503")
async def _changes_in_flight(attacker: Attacker) -> None:
    """One user with 50 requests in flight, each a change."""
    account = attacker.plan.account

    def changes(number: int) -> Iterator[bytes]:
        for each in count(number):
            marked = account.notifications[each % len(account.notifications)]
            yield operation(MARK, account.token, {"id": str(marked)})

    await attacker.crowd(50, lambda number: attacker.requests(number, changes(number)))


@attack("locked-changes", "429", "503", needs_postgres=True)
async def _locked_changes(attacker: Attacker) -> None:
    """The same while somebody holds the lock of that user's inbox."""
    with closing(psycopg.connect(attacker.plan.database_url)) as connection:
        connection.execute(
            "SELECT 1 FROM live_inbox_inbox WHERE user_id = %s FOR UPDATE",
            [attacker.plan.account.user_id],
        )
        await _changes_in_flight(attacker)


@attack("self-sends", "429", "503")
async def _self_sends(attacker: Attacker) -> None:
    """One user with 50 requests in flight, each a notification to themself."""
    account = attacker.plan.account
    request = operation(SEND, account.token, {"to": str(account.user_id)})
    await attacker.crowd(50, lambda number: attacker.requests(number, repeat(request)))


@attack("flooded-neighbour", "429", "503")
async def _neighbour(attacker: Attacker) -> None:
    """A service that floods one other user with notifications, 50 requests in flight."""
    plan = attacker.plan
    request = operation(SEND, plan.service_token, {"to": str(plan.neighbour)})
    await attacker.crowd(50, lambda number: attacker.requests(number, repeat(request)))


@attack("reconnects", "429", "close 1013", "close 4403")
async def _reconnects(attacker: Attacker) -> None:
    """One user whose 50 devices open a socket, subscribe and drop it, again and again."""
    subscribe = text({"id": "a", "type": "subscribe", "payload": {"query": f"subscription {ALL}"}})
    token = attacker.plan.account.token

    async def client(number: int) -> None:
        async with attacker.socket(number, token=token) as stream:
            await stream.send(subscribe)
            attacker.outcomes["101"] += 1

    await attacker.crowd(50, client, pause=0)


@attack("new-documents", "400", "429")
async def _new_documents(attacker: Attacker) -> None:
    """Documents that are new each time, of one user on 50 connections."""
    token = attacker.plan.account.token

    def documents() -> Iterator[bytes]:
        while True:
            name = f"a{os.urandom(8).hex()}"
            yield operation(f"query {name} {{ {name}: viewer {{ id name }} }}", token)

    await attacker.crowd(50, lambda number: attacker.requests(number, documents()))


@attack("costly-documents", "400", "429")
async def _costly_documents(attacker: Attacker) -> None:
    """The longest documents, new each time and refused for their cost, of one user and of anonymous callers."""
    nodes = "nodes { id type title message link data read readAt createdAt } "
    fields = " ".join(f"f{n}: notifications(first: 100) {{ {nodes * 3} }}" for n in range(20))

    def documents(number: int) -> Iterator[bytes]:
        token = attacker.plan.account.token if number % 2 else ""
        while True:
            yield operation(f"query q{os.urandom(8).hex()} {{ {fields} }}", token)

    await attacker.crowd(50, lambda number: attacker.requests(number, documents(number)))


@attack("invalid-tokens", "401", "429")
async def _invalid_tokens(attacker: Attacker) -> None:
    """Tokens with a wrong signature, on 50 connections."""
    header, payload, _ = attacker.plan.account.token.split(".")

    def guesses() -> Iterator[bytes]:
        while True:
            signature = base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()
            yield operation("{ viewer { id } }", f"{header}.{payload}.{signature}")

    await attacker.crowd(50, lambda number: attacker.requests(number, guesses()))


@attack("unknown-keys", "401", "429", "503", needs_issuer=True, waits=31.0)
async def _unknown_keys(attacker: Attacker) -> None:
    """Tokens with invented key ids, on 50 connections, while the issuer hangs."""
    _, payload, signature = attacker.plan.account.token.split(".")

    def guesses() -> Iterator[bytes]:
        while True:
            header = {"alg": "RS256", "typ": "JWT", "kid": os.urandom(8).hex()}
            encoded = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
            yield operation("{ viewer { id } }", f"{encoded}.{payload}.{signature}")

    await attacker.crowd(50, lambda number: attacker.requests(number, guesses()))


@attack("sign-in", "403", "429")
async def _sign_in(attacker: Attacker) -> None:
    """Guesses of passwords at the admin's sign-in, on 20 connections."""
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Cookie": f"csrftoken={CSRF}",
        "Origin": "http://localhost",
    }

    def guesses(number: int) -> Iterator[bytes]:
        for each in count():
            form = f"csrfmiddlewaretoken={CSRF}&username=user{number}-{each}&password=p{each}"
            yield post("/admin/login/", form.encode(), headers)

    await attacker.crowd(20, lambda number: attacker.requests(number, guesses(number)))


@attack("login-pages", "429")
async def _login_pages(attacker: Attacker) -> None:
    """Requests of the admin's sign-in page, on 50 connections."""
    await attacker.crowd(50, lambda number: attacker.requests(number, repeat(get("/admin/login/"))))
