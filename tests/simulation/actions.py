"""What the steps of a plan do to the world."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from live_inbox.delivery.channel_layer import inbox_group
from live_inbox.delivery.doorbell_message import DoorbellCodec, DoorbellMessage
from live_inbox.events import encode
from tests.simulation.broker import Weather
from tests.simulation.client import Client
from tests.simulation.database import Condition
from tests.simulation.history import id_of, make_event
from tests.simulation.plan import Step
from tests.simulation.server import Server
from tests.simulation.world import BYSTANDERS, INBOXES, Deployment, World

Action = Callable[[World, Deployment, Step], Awaitable[None]]


async def write(world: World, deployment: Deployment, step: Step) -> None:
    """Commit some events in one inbox, or more than a stream keeps, and ring after each commit."""
    for number in range((1 + step.choice % 4) * (1 if step.choice % 5 else 4)):
        await _commit(world, deployment, [_inbox(step)], step.choice + number)


async def write_and_die(world: World, deployment: Deployment, step: Step) -> None:
    """Commit, and be killed before the doorbell."""
    if not deployment.database.condition.is_down:
        events = deployment.database.commit([_inbox(step)])
        world.trace(f"commits #{id_of(events[0])} in {deployment.name}, and does not ring")


async def write_in_bulk(world: World, deployment: Deployment, step: Step) -> None:
    """Commit an event in every inbox; the doorbell goes to all hubs."""
    await _commit(world, deployment, [*INBOXES, *BYSTANDERS], step.choice)


async def _commit(world: World, deployment: Deployment, inboxes: list[str], choice: int) -> None:
    process = world.process(deployment, choice)
    if process is None or deployment.database.condition.is_down:
        return
    events = deployment.database.commit(inboxes)
    name = f"{events[0].inbox}/{events[0].epoch}.{events[0].sequence}"
    world.trace(f"commits #{id_of(events[0])} as {name} by {process.name}")
    await asyncio.sleep(world.rng.random() * 0.02)
    if process.is_up:
        process.ring(events)


async def roll_back(world: World, deployment: Deployment, step: Step) -> None:
    """Write an event and roll it back: it uses up an id, and no sequence."""
    deployment.database.roll_back()
    await asyncio.sleep(0)


async def prune(world: World, deployment: Deployment, step: Step) -> None:
    """Forget the oldest events of an inbox."""
    world.trace(f"prunes inbox {_inbox(step)} of {deployment.name}")
    deployment.database.prune(_inbox(step), step.choice % 5)


async def repair(world: World, deployment: Deployment, step: Step) -> None:
    """Give an inbox a new epoch."""
    world.trace(f"repairs inbox {_inbox(step)} of {deployment.name}")
    deployment.database.repair(_inbox(step))


async def remove(world: World, deployment: Deployment, step: Step) -> None:
    """Remove an inbox, which may be created again."""
    world.trace(f"removes inbox {_inbox(step)} of {deployment.name}")
    deployment.database.remove(_inbox(step))


# -- the channel layer -----------------------------------------------------------------------------------


async def bad_weather(world: World, deployment: Deployment, step: Step) -> None:
    """Lose, double, delay and reorder messages for a while."""
    world.broker.weather = Weather(
        lost=step.choice % 3 / 3, doubled=step.choice % 4 / 4, longest=step.seconds
    )
    await asyncio.sleep(step.seconds)
    world.broker.weather = Weather()


async def stop_broker(world: World, deployment: Deployment, step: Step) -> None:
    """Stop the broker, and start it again."""
    if world.broker.is_up:
        world.broker.stop()
        await asyncio.sleep(step.seconds)
        if not world.broker.is_up:
            world.broker.start()


async def silence_broker(world: World, deployment: Deployment, step: Step) -> None:
    """Let one process's connection to the broker carry nothing for a while."""
    process = world.process(deployment, step.choice)
    if process is not None:
        process.layer.fall_silent()
        await asyncio.sleep(step.seconds)
        process.layer.heal()


# -- the database ----------------------------------------------------------------------------------------


async def database_down(world: World, deployment: Deployment, step: Step) -> None:
    """Let all calls to the database fail for a while."""
    deployment.database.condition = Condition(is_down=True)
    await asyncio.sleep(step.seconds)
    deployment.database.recover()


async def database_slow(world: World, deployment: Deployment, step: Step) -> None:
    """Let the database answer slowly for a while."""
    deployment.database.condition = Condition(slowest=step.seconds)
    await asyncio.sleep(step.seconds)
    deployment.database.recover()


async def dead_connection(world: World, deployment: Deployment, step: Step) -> None:
    """Let a server's connection to the database never answer again."""
    server = _server(deployment, step)
    if server is not None:
        world.trace(f"the connection of {server.name} to the database is dead")
        server.connection.is_dead = True


async def restore(world: World, deployment: Deployment, step: Step) -> None:
    """Restore an older copy while nothing runs, with `check_inboxes --restored` before the servers start."""
    for server in deployment.running():
        await server.crash()
    # What the old servers have published arrives at none of the new ones.
    await asyncio.sleep(5.0)
    world.trace(f"restores {deployment.name}")
    deployment.database.go_back(step.choice % 8, renew=True)
    for _ in range(2):
        await world.start_server(deployment)


async def restore_under_servers(world: World, deployment: Deployment, step: Step) -> None:
    """Restore an older copy, with `check_inboxes --restored`, while servers and clients are connected."""
    world.trace(f"restores {deployment.name} under its servers")
    deployment.database.go_back(step.choice % 8, renew=True)


async def fail_over(world: World, deployment: Deployment, step: Step) -> None:
    """Go on with a copy that lacks the last commits. Nobody runs a command."""
    world.trace(f"{deployment.name} fails over to a copy that lacks {step.choice % 6} commits")
    deployment.database.go_back(step.choice % 6, renew=False)
    # The copy goes on differently, at once.
    await write(world, deployment, step)


# -- processes and clients -------------------------------------------------------------------------------


async def crash_server(world: World, deployment: Deployment, step: Step) -> None:
    """Kill a server, and start another one a while later."""
    server = _server(deployment, step)
    if server is not None:
        world.trace(f"{server.name} is killed")
        await server.crash()
        await asyncio.sleep(step.seconds)
        await world.start_server(deployment)


async def stop_server(world: World, deployment: Deployment, step: Step) -> None:
    """Stop a server in good order, and start another one a while later."""
    server = _server(deployment, step)
    if server is not None:
        world.trace(f"{server.name} is stopped")
        await server.stop()
        await asyncio.sleep(step.seconds)
        await world.start_server(deployment)


async def cut_client(world: World, deployment: Deployment, step: Step) -> None:
    """Cut a client's connection."""
    _client(deployment, step).disconnect()


async def cut_all_clients(world: World, deployment: Deployment, step: Step) -> None:
    """Cut all connections at once."""
    for client in world.clients():
        client.disconnect()


async def client_leaves(world: World, deployment: Deployment, step: Step) -> None:
    """Let a client be away for a while."""
    client = _client(deployment, step)
    client.disconnect(stays_away=True)
    await asyncio.sleep(step.seconds)
    client.come_back()


async def client_stops_reading(world: World, deployment: Deployment, step: Step) -> None:
    """Let a client not read for a while."""
    client = _client(deployment, step)
    client.stop_reading()
    await asyncio.sleep(step.seconds)
    client.come_back()


async def client_forgets(world: World, deployment: Deployment, step: Step) -> None:
    """Let a client start anew."""
    _client(deployment, step).forget()


# -- doorbells that nobody of this deployment has rung ---------------------------------------------------


async def forge(world: World, deployment: Deployment, step: Step) -> None:
    """Publish a doorbell with the right epoch and the next sequence, and an event that was never committed."""
    inbox = _inbox(step)
    row = deployment.database.rows.get(inbox)
    event = make_event(inbox, row, "forged" if row is None else row.epoch, 1_000_000 + step.choice)
    world.trace(f"somebody forges {event.epoch}.{event.sequence} of inbox {inbox}")
    forger = DoorbellCodec(lambda: (b"the key of somebody else" * 2,))
    message = forger.encode(
        DoorbellMessage(
            deployment.database.deployment, "somebody", 0.0, b"nonce", {inbox: [encode(event)]}
        )
    )
    world.broker.send(inbox_group(deployment.database.deployment, inbox), message)


ACTIONS: dict[str, Action] = {
    "write": write,
    "write and die": write_and_die,
    "write in bulk": write_in_bulk,
    "roll back": roll_back,
    "prune": prune,
    "repair": repair,
    "remove": remove,
    "bad weather": bad_weather,
    "stop the broker": stop_broker,
    "silence a server's broker": silence_broker,
    "database down": database_down,
    "database slow": database_slow,
    "dead connection": dead_connection,
    "restore": restore,
    "restore under servers": restore_under_servers,
    "fail over": fail_over,
    "crash a server": crash_server,
    "stop a server": stop_server,
    "cut a client": cut_client,
    "cut all clients": cut_all_clients,
    "client leaves": client_leaves,
    "client stops reading": client_stops_reading,
    "client forgets": client_forgets,
    "forge": forge,
}


def _inbox(step: Step) -> str:
    return INBOXES[step.choice // 7 % len(INBOXES)]


def _server(deployment: Deployment, step: Step) -> Server | None:
    running = deployment.running()
    return running[step.choice % len(running)] if running else None


def _client(deployment: Deployment, step: Step) -> Client:
    return deployment.clients[step.choice % len(deployment.clients)]
