"""The world of one simulation: databases, a broker, processes and clients, and what can happen to them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Iterator
from itertools import count
from typing import Any

from tests.simulation.broker import Broker, CoreLayerConnection, LayerConnection, Weather
from tests.simulation.client import Client, Habits
from tests.simulation.database import Connection, SimulatedDatabase
from tests.simulation.plan import Plan, Profile
from tests.simulation.server import Process, Server

INBOXES = ("1", "2", "3")
BYSTANDERS = tuple(str(number) for number in range(100, 120))
"""Inboxes without a client: with them, a bulk write uses the group of all hubs."""


class Deployment:
    """A database, its processes and its clients."""

    def __init__(self, name: str, database: SimulatedDatabase, profile: Profile) -> None:
        self.name = name
        self.database = database
        self.profile = profile
        self.servers: list[Server] = []
        self.worker: Process | None = None
        self.clients: list[Client] = []

    def running(self) -> list[Server]:
        """Return the servers that can be connected to."""
        return [server for server in self.servers if server.is_up]


class World:
    """Everything of one simulation. `trace` tells what happened, with the virtual time."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.rng = random.Random(f"{plan.profile.name} {plan.seed} world")
        self.loop = asyncio.get_running_loop()
        self.began = self.loop.time()
        self.trace_lines: list[tuple[float, str]] = []
        self.broker = Broker(self.rng)
        self.layer_kind: type[LayerConnection] = (
            CoreLayerConnection if self.rng.random() < 0.3 else LayerConnection
        )
        self._ids: Iterator[int] = count(1)
        self._names: Iterator[int] = count(1)
        self.deployments = [self._deployment("a"), self._deployment("b")]
        self.tasks: list[asyncio.Task[None]] = []

    def trace(self, text: str) -> None:
        """Note what happens."""
        self.trace_lines.append((self.loop.time() - self.began, text))

    def _deployment(self, name: str) -> Deployment:
        profile = self.plan.profile
        database = SimulatedDatabase(
            name, self.rng, self.loop.time, ids=self._ids, prefix=f"{name}e"
        )
        return Deployment(name, database, profile)

    # -- start --------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the processes and the clients."""
        first, second = self.deployments
        for _ in range(self.rng.randrange(5)):
            first.database.commit([self.rng.choice(INBOXES)])
        if self.plan.profile.is_copied:
            second.database.copy_from(first.database)
        for deployment, servers, clients in ((first, 2, 5), (second, 1, 2)):
            deployment.worker = Process("worker", deployment.database, self.new_layer())
            await deployment.worker.start()
            for _ in range(servers):
                await self.start_server(deployment)
            for number in range(clients):
                deployment.clients.append(self._client(deployment, number))

    def new_layer(self) -> LayerConnection:
        """Return the channel layer of a new process."""
        return self.layer_kind(self.broker)

    async def start_server(self, deployment: Deployment) -> None:
        """Start a server of a deployment."""
        connection = Connection(deployment.database)
        name = f"server {deployment.name}{next(self._names)}"
        server = Server(name, deployment.database, self.new_layer(), connection)
        await server.start()
        deployment.servers.append(server)
        self.trace(f"{name} starts")

    def _client(self, deployment: Deployment, number: int) -> Client:
        habits = Habits(pulls=self.rng.random() < 0.4, resumes=self.rng.random() < 0.8)
        return Client(
            f"client {deployment.name}{number}",
            self.rng.choice(INBOXES),
            habits,
            deployment.database,
            deployment.running,
            self.rng,
            self.trace,
        )

    # -- parts that steps choose --------------------------------------------------------------------------

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run something beside the plan."""
        task = self.loop.create_task(coroutine)
        self.tasks.append(task)

    def process(self, deployment: Deployment, choice: int) -> Process | None:
        """Return a process that can write."""
        found: list[Process] = list(deployment.running())
        if deployment.worker is not None:
            found.append(deployment.worker)
        return found[choice % len(found)] if found else None

    def clients(self) -> list[Client]:
        """Return all clients."""
        return [client for deployment in self.deployments for client in deployment.clients]

    # -- recovery -----------------------------------------------------------------------------------------

    async def recover(self) -> None:
        """End every fault."""
        self.trace("everything is well again")
        self.broker.weather = Weather()
        if not self.broker.is_up:
            self.broker.start()
        for deployment in self.deployments:
            deployment.database.recover()
            if not deployment.running():
                await self.start_server(deployment)
            for server in deployment.running():
                server.layer.heal()
            if deployment.worker is not None:
                deployment.worker.layer.heal()
        for client in self.clients():
            client.come_back()

    def replace_dead_connections(self) -> None:
        """Replace the dead connections of servers that have had nothing to ask, and so have not noticed."""
        for deployment in self.deployments:
            for server in deployment.running():
                server.connection.is_dead = False

    async def end(self) -> None:
        """End everything."""
        for client in self.clients():
            client.end()
        for task in self.tasks:
            task.cancel()
        for deployment in self.deployments:
            for server in deployment.running():
                await server.stop()
            if deployment.worker is not None:
                await deployment.worker.stop()
        await asyncio.gather(*self.tasks, return_exceptions=True)
