"""Runs one simulation: the plan, then the recovery, then what everybody must have."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from live_inbox import feed
from live_inbox.delivery import publishing
from live_inbox.selectors.inbox_state import InboxState
from tests.simulation.actions import ACTIONS
from tests.simulation.history import Violation
from tests.simulation.plan import SECONDS, Plan, Step
from tests.simulation.server import CONFIG, CONNECTION
from tests.simulation.world import INBOXES, Deployment, World
from tests.virtual_time import VirtualTimeLoop

CATCH_UP_SECONDS = 2 * CONFIG.reconcile_seconds + 3.0
"""How long after the end of all faults everybody has everything: the documented bound."""
DOORBELL_SECONDS = 0.5
"""How long an event takes when nothing is broken: far less than RECONCILE_SECONDS."""

_REJOIN_POLLS = 100
"""After how many twentieths of a second groups must have been joined again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a simulation. The counts show that something happened in it."""

    violation: str | None
    trace: list[str]
    commits: int
    applied: int
    resets: int


def simulate(plan: Plan) -> Outcome:
    """Run a plan on virtual time."""
    loop = VirtualTimeLoop()
    with _injected(loop):
        try:
            return loop.run_until_complete(_simulate(plan, loop))
        finally:
            loop.close()


@contextmanager
def _injected(loop: VirtualTimeLoop) -> Iterator[None]:
    """Give the modules that take neither a clock nor a database those of the simulation."""
    with (
        patch.object(publishing, "time", SimpleNamespace(monotonic=loop.time)),
        patch.object(feed, "in_database_thread", _read_state),
    ):
        yield


async def _read_state(function: Any, *, user_id: str) -> InboxState:
    return await CONNECTION.get().state(user_id)


async def _simulate(plan: Plan, loop: VirtualTimeLoop) -> Outcome:
    world = World(plan)
    violation = None
    try:
        await world.start()
        await _happen(world, plan)
        await world.recover()
        await _pass(world, CATCH_UP_SECONDS)
        _require_caught_up(world, "after all faults")
        world.replace_dead_connections()
        await _require_doorbells(world)
        await _require_gaps_filled(world)
        await _require_no_wait_after_the_broker(world)
        await world.end()
        if loop.errors:
            raise Violation(f"nobody caught {loop.errors[0]}")
    except Violation as found:
        violation = str(found)
        await world.end()
    clients = world.clients()
    return Outcome(
        violation,
        [f"{at:7.3f} s  {text}" for at, text in world.trace_lines],
        sum(each.database.history.commits for each in world.deployments),
        sum(client.applied for client in clients),
        sum(client.resets for client in clients),
    )


async def _happen(world: World, plan: Plan) -> None:
    for step in plan.steps:
        await _pass(world, max(0.0, world.began + step.at - world.loop.time()))
        deployment = world.deployments[0 if step.choice % 4 else 1]
        if step.action not in ("write", "cut a client"):
            world.trace(f"({step.action} for {step.seconds:.2f} s)")
        world.run(_take(world, deployment, step))
    await _pass(world, max(0.0, world.began + SECONDS - world.loop.time()))
    # Faults that have not ended by themselves are ended by the recovery.
    for task in world.tasks:
        task.cancel()
    await asyncio.gather(*world.tasks, return_exceptions=True)


async def _take(world: World, deployment: Deployment, step: Step) -> None:
    await ACTIONS[step.action](world, deployment, step)


async def _pass(world: World, seconds: float) -> None:
    """Let time pass; raise the violation that a client has seen."""
    await asyncio.sleep(seconds)
    for client in world.clients():
        if client.violation is not None:
            raise client.violation
    for task in world.tasks:
        if task.done() and not task.cancelled() and (error := task.exception()) is not None:
            raise error


def _require_caught_up(world: World, when: str) -> None:
    for client in world.clients():
        if lag := client.lag():
            world.trace(f"{client.name} (inbox {client.inbox}) {lag}")
            raise Violation(f"{when}, {client.name} of inbox {client.inbox} {lag}")


async def _require_doorbells(world: World) -> None:
    """Require that doorbells arrive everywhere again, and that another epoch is noticed by its first doorbell."""
    for deployment in world.deployments:
        writers = [*deployment.running(), deployment.worker]
        for number, writer in enumerate(writers):
            assert writer is not None
            inbox = INBOXES[number % len(INBOXES)]
            world.trace(f"{writer.name} commits in inbox {inbox} when all is well")
            writer.ring(deployment.database.commit([inbox]))
            await _pass(world, DOORBELL_SECONDS)
            _require_caught_up(world, f"{DOORBELL_SECONDS} s after a doorbell")
        for inbox in INBOXES:
            deployment.database.repair(inbox)
            deployment.running()[0].ring(deployment.database.commit([inbox]))
        await _pass(world, DOORBELL_SECONDS)
        _require_caught_up(world, f"{DOORBELL_SECONDS} s after the doorbell of a new epoch")


async def _require_gaps_filled(world: World) -> None:
    """Require that the doorbell after a lost one brings both events."""
    for deployment in world.deployments:
        writer = deployment.worker
        assert writer is not None
        deployment.database.commit(INBOXES)
        writer.ring(deployment.database.commit(INBOXES))
        await _pass(world, DOORBELL_SECONDS)
        _require_caught_up(world, f"{DOORBELL_SECONDS} s after a doorbell that skips an event")


async def _require_no_wait_after_the_broker(world: World) -> None:
    """Require that what was missed while the broker was away arrives when it is back, not at some reconciliation."""
    world.trace("the broker restarts once more")
    world.broker.stop()
    for deployment in world.deployments:
        deployment.running()[0].ring(deployment.database.commit(INBOXES))
    await _pass(world, 0.1)
    world.broker.start()
    layers = [server.layer for each in world.deployments for server in each.running()]
    for _ in range(_REJOIN_POLLS):
        if all(layer.is_restored for layer in layers):
            break
        await _pass(world, 0.05)
    else:
        raise Violation("the groups are not joined again")
    await _pass(world, DOORBELL_SECONDS)
    _require_caught_up(world, f"{DOORBELL_SECONDS} s after the groups have been joined again")
