"""The names of the doors, for the command line: the doors themselves need Django."""

from __future__ import annotations

import argparse

DOOR_NAMES = (
    "graphql",
    "graphql-transport-ws",
    "graphql-ws",
    "event-streams",
    "http",
    "queries",
    "frames",
    "json",
)


def door_names(text: str) -> list[str]:
    """Parse names that commas separate. Raises ArgumentTypeError for one that no door has."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in DOOR_NAMES:
            raise argparse.ArgumentTypeError(
                f"{name!r} is none of the doors: {', '.join(DOOR_NAMES)}"
            )
    return names
