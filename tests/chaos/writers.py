"""Writers in a process of their own: `python -m tests.chaos.writers ORDERS`, until SIGTERM.

Each thing that they do is recorded before and after, with the outcome as far as they know it. The record survives
whatever happens to the process. Some writers use the services, as workers do, some the GraphQL API or the JSON API.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

from tests.chaos.api_writers import HttpWriter, SocketWriter
from tests.chaos.json_writer import JsonWriter
from tests.chaos.service_writers import (
    BulkWriter,
    Flooder,
    FrozenWriter,
    OverlappingWriter,
    ServiceWriter,
    SteadyWriter,
)
from tests.chaos.writing import Orders, Writer

STYLES: dict[str, type[Writer]] = {
    "mixed": ServiceWriter,
    "http": HttpWriter,
    "socket": SocketWriter,
    "json": JsonWriter,
    "quarrel": OverlappingWriter,
    "steady": SteadyWriter,
    "flood": Flooder,
    "bulk": BulkWriter,
    "frozen": FrozenWriter,
}
WITHOUT_DJANGO = ("http", "socket", "json")


def main() -> None:
    """Write until SIGTERM; what is being done then is done to the end."""
    orders = Orders(**json.loads(Path(sys.argv[1]).read_text()))
    if orders.style not in WITHOUT_DJANGO:
        import django

        django.setup()
    with Path(orders.record).open("a") as record:
        writer = STYLES[orders.style](orders, record)

        def stop(*_: object) -> None:
            writer.stopping = True

        signal.signal(signal.SIGTERM, stop)
        writer.run()


if __name__ == "__main__":
    main()
