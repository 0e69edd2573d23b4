"""A run of the fuzzer: short within the tests, as long as wanted by `python -m tests.graphql_fuzzing`.

However wrong the input: no answer is an internal error, every answer is JSON with data or errors, every socket is
served to its end, the inbox of somebody else stays as it was, and the server logs no traceback.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import httpx
import psutil
import pytest
from django.contrib.auth.models import User
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from live_inbox import selectors, services
from live_inbox.identity.issuing import issue_token
from live_inbox_graphql.close_codes import GraphQLCloseCode
from tests.graphql.own_schema import schema
from tests.graphql_fuzzing.grammar import Grammar
from tests.graphql_fuzzing.messages import TYPES, message, request
from tests.stacks.uvicorn_server import ServerProcess

pytestmark = pytest.mark.django_db(transaction=True)

INPUTS = int(os.environ.get("FUZZ_INPUTS", "300"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
FAST = "1000000/second burst 1000000"
STATUSES = {200, 400, 401, 405, 413, 503}
WAIT_SECONDS = 30.0


@pytest.fixture
def server(start_server: Callable[..., ServerProcess]) -> ServerProcess:
    """A server with everything on, and without the rates, which would refuse most of the run."""
    rates = ("SOCKET_RATE", "OPERATION_RATE", "ANONYMOUS_OPERATION_RATE", "SEND_RATE")
    return start_server(**dict.fromkeys(rates, FAST), INTROSPECTION="true")


@pytest.fixture
def token(transactional_db: None) -> str:
    """A token of alice."""
    return issue_token(User.objects.create_user("alice"), ttl_seconds=86_400)


@pytest.fixture
def bystander(transactional_db: None) -> int:
    """Somebody whose inbox must stay as it is."""
    user = User.objects.create_user("bob")
    services.send(recipient_id=user.pk, title="for bob alone")
    return user.pk


def state(user_id: int) -> Any:
    page = selectors.page(user_id=str(user_id), limit=100)
    return page.inbox.position, page.inbox.unread_count, [row.title for row in page.notifications]


def check_errors(content: Any, sent: object) -> None:
    """See that errors have codes, and that none is the server's own fault."""
    for error in content.get("errors") or ():
        code = error["extensions"]["code"]
        assert code != "INTERNAL_SERVER_ERROR", sent


def test_requests(server: ServerProcess, token: str, bystander: int) -> None:
    random = Random(SEED)
    grammar = Grammar(schema.schema._schema, random)
    before, seen = state(bystander), Counter[int]()
    with httpx.Client(base_url=server.http, timeout=WAIT_SECONDS, trust_env=False) as client:
        for number in range(INPUTS):
            body = json.dumps(request(grammar, random)).encode()
            headers = {"Content-Type": "application/json"}
            if number % 10:
                headers["Authorization"] = f"Bearer {token}"
            answer = client.post("/graphql/", content=body, headers=headers)
            seen[answer.status_code] += 1
            assert answer.status_code in STATUSES, (answer.status_code, body)
            content = answer.json()
            assert content.keys() & {"data", "errors"}, body
            check_errors(content, body)
    assert seen[200] > INPUTS / 2, seen
    assert state(bystander) == before
    assert_sound(server)


@pytest.mark.parametrize("subprotocol", list(TYPES))
def test_sockets(server: ServerProcess, token: str, bystander: int, subprotocol: str) -> None:
    random = Random(SEED)
    grammar = Grammar(schema.schema._schema, random)
    before, ends = state(bystander), Counter[str]()
    sent = 0
    while sent < INPUTS:
        messages = [message(grammar, random, subprotocol) for _ in range(random.randrange(1, 12))]
        sent += len(messages)
        ends[_end(server, token, subprotocol, messages)] += 1
    assert ends["answers"] > 0, ends
    codes = {str(code.value) for code in GraphQLCloseCode}
    assert set(ends) <= {"answers", *codes}, ends
    assert state(bystander) == before
    assert_sound(server)


def _end(server: ServerProcess, token: str, subprotocol: str, messages: list[str | bytes]) -> str:
    """Send messages on a new socket; return its close code, or `answers` if it answers still."""
    start = TYPES[subprotocol][0]
    protocols = [Subprotocol(subprotocol)]
    with connect(f"{server.ws}/graphql/", subprotocols=protocols, max_size=None) as client:
        init = {"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}
        client.send(json.dumps(init))
        try:
            for each in messages:
                client.send(each)
            probe = {"id": "probe", "type": start, "payload": {"query": "{ probe: __typename }"}}
            client.send(json.dumps(probe))
            while True:
                answer = json.loads(client.recv(timeout=WAIT_SECONDS))
                payload = answer.get("payload")
                if answer["type"] == "error":
                    check_errors(
                        {"errors": payload if isinstance(payload, list) else [payload]}, messages
                    )
                elif isinstance(payload, dict):
                    check_errors(payload, messages)
                if answer.get("id") == "probe":
                    return "answers"
        except ConnectionClosed as closed:
            assert closed.rcvd is not None, ("the connection broke off", messages)
            return str(closed.rcvd.code)


def assert_sound(server: ServerProcess) -> None:
    """See that the server runs, has logged no exception, and did not grow without bound."""
    assert server.answers()
    log = server.log()
    assert "Traceback" not in log, log[-5000:]
    assert psutil.Process(server.child.pid).memory_info().rss < 500_000_000
