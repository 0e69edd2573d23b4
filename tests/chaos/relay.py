"""Between the servers and what they depend on: `python -m tests.chaos.relay PLAN SOCKET`.

Passes bytes on, until it is asked to forget: then the connections that are open at that moment stay open and carry
nothing any more, as when a firewall or a load balancer has forgotten them, while new ones work. The plan is a list of
routes: a port of this machine, and the port or the Unix socket behind it.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.chaos.request_server import run, serve_requests
from tests.stacks.ports import LOOPBACK
from tests.stacks.relay_route import Route


async def main(plan: list[dict[str, Any]], address: Path) -> None:
    """Serve until the connection that sends the requests ends."""
    routes = {each["name"]: Route(each["target"]) for each in plan}
    for each in plan:
        await asyncio.start_server(routes[each["name"]].accept, LOOPBACK, each["port"])

    async def handle(request: dict[str, Any]) -> Any:
        route = routes[request["route"]]
        if request["do"] == "count":
            return {"passed": route.passed, "dropped": route.dropped, "opened": route.opened}
        return getattr(route, request["do"])()

    await serve_requests(address, handle)


if __name__ == "__main__":
    run(main)
