"""All attacks at once, each by few clients: another user is served, and attackers get what is documented."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import psutil
import pytest

from tests.end_to_end.test_hostile_clients import counted
from tests.siege import account_attacks, connection_attacks  # noqa: F401  # they fill the table
from tests.siege.attack import ATTACKS, Attack
from tests.siege.bystander import Bystander
from tests.siege.plan import Account, Plan
from tests.siege.seeding import seed
from tests.siege.site import BYSTANDER, NEIGHBOUR, SERVICE, SERVICE_SCOPE, attacking_addresses
from tests.siege.tokens import issue
from tests.siege.traffic import CONNECTED, Attacker
from tests.stacks.ports import LOOPBACK
from tests.stacks.stack import Stack
from tests.stacks.uvicorn_server import ServerProcess
from tests.waiting import until

SCALE = 0.04
NOTIFICATIONS = 3
TIMES = 5
"""How often the bystander does everything while all attack."""

WITHOUT_ANSWERS = {
    "silent",
    "slow-headers",
    "slow-handshakes",
    "slow-bodies",
    "silent-sockets",
    "locked-changes",
}
"""Attacks whose clients have to wait for longer than this test."""

MOST_GROWTH = 200 << 20
"""Of the server's memory, in bytes: far more than it should be."""

OPEN = 'inbox_sockets{api="graphql",subprotocol="graphql-transport-ws"}'
MOST_LINES = 100
"""Of the log. Thousands of requests are refused."""

Users = dict[str, tuple[int, list[int]]]


@pytest.fixture
def attacks(stack: Stack) -> list[Attack]:
    """Those that this stack makes possible."""
    return [each for each in ATTACKS.values() if stack.is_production or not each.needs_postgres]


@pytest.fixture
def users(transactional_db: None, attacks: list[Attack]) -> Users:
    """A user for each attack, and the others."""
    names = [BYSTANDER, NEIGHBOUR, SERVICE, *(attack.name for attack in attacks)]
    return seed(NOTIFICATIONS, names)


async def test_nobody_is_hurt(
    start_server: Callable[..., ServerProcess], stack: Stack, users: Users, attacks: list[Attack]
) -> None:
    secret = stack.environment()["JWT_SECRET"]

    def account(name: str, scope: str = "") -> Account:
        user_id, notifications = users[name]
        return Account(user_id, issue(user_id, secret, scope=scope), notifications)

    def plan(number: int, attack: Attack) -> Plan:
        return Plan(
            attack=attack.name,
            port=server.port,
            # Limits of one address are not to add up.
            addresses=[attacking_addresses(len(attacks))[number]],
            account=account(attack.name),
            neighbour=users[NEIGHBOUR][0],
            service_token=account(SERVICE, SERVICE_SCOPE).token,
            database_url=stack.test_database_url(),
            scale=SCALE,
        )

    server = await asyncio.to_thread(lambda: start_server(UNLIMITED_ADDRESSES=LOOPBACK))
    process = psutil.Process(server.child.pid)
    before = process.memory_info().rss
    bystander = Bystander(server.port, account(BYSTANDER))
    await bystander.start()
    attackers = [Attacker(plan(number, attack)) for number, attack in enumerate(attacks)]
    assaults = [
        asyncio.create_task(attack.assault(attacker))
        for attack, attacker in zip(attacks, attackers, strict=True)
    ]
    waiting = {each.plan.attack: each for each in attackers} | dict.fromkeys(WITHOUT_ANSWERS)
    await until(
        lambda: all(each.outcomes.keys() - {CONNECTED} for each in waiting.values() if each)
    )
    bystander.done.clear()
    await until(lambda: len(bystander.done) == 7 and min(bystander.done.values()) >= TIMES)
    assert process.memory_info().rss - before < MOST_GROWTH
    assert [each for each in assaults if each.done()] == []
    for assault in assaults:
        assault.cancel()
    await asyncio.gather(*assaults, return_exceptions=True)
    await bystander.stop()

    assert bystander.failures == []
    assert bystander.lost() == [], f"{bystander.messages}\n{server.log()[-5000:]}"
    for attack, attacker in zip(attacks, attackers, strict=True):
        assert attacker.outcomes[CONNECTED] > 0, attack.name
        assert set(attacker.outcomes) <= attack.outcomes, attack.name
    log = server.log()
    assert "Traceback" not in log, log[log.index("Traceback") - 500 :][:6000]
    assert len(log.splitlines()) < MOST_LINES, log[-5000:]
    await until(lambda: counted(server, OPEN) == 0)
