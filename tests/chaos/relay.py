"""Between the servers and what they depend on: `python -m tests.chaos.relay PLAN SOCKET`.

Passes bytes on, until it is asked to forget: then the connections that are open at that moment stay open and carry
nothing any more, as when a firewall or a load balancer has forgotten them, while new ones work. The plan is a list of
routes: a port of this machine, and the port or the Unix socket behind it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from tests.stacks.ports import LOOPBACK
from tests.stacks.relay_route import Route


async def main(plan: list[dict[str, Any]], address: Path) -> None:
    """Serve until the connection that sends the requests ends."""
    routes = {each["name"]: Route(each["target"]) for each in plan}
    for each in plan:
        await asyncio.start_server(routes[each["name"]].accept, LOOPBACK, each["port"])
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            request = json.loads(line)
            route = routes[request["route"]]
            answer: Any
            if request["do"] == "count":
                answer = {"passed": route.passed, "dropped": route.dropped, "opened": route.opened}
            else:
                answer = getattr(route, request["do"])()
            writer.write(json.dumps({"answer": answer}).encode() + b"\n")
        ended.set()

    async with await asyncio.start_unix_server(serve, path=address):
        await ended.wait()


def run() -> None:
    """Run on uvloop where that is installed."""
    plan, address = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    try:
        import uvloop
    except ImportError:
        asyncio.run(main(plan, address))
    else:
        uvloop.run(main(plan, address))


if __name__ == "__main__":
    run()
