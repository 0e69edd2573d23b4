"""Ports for servers that must come back on the same port after they were stopped."""

from __future__ import annotations

import random
import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"
LOWEST = 20_000
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """Return a loopback port that is free and that the system does not hand out by itself.

    A port of the ephemeral range may become the local end of another connection while its server is down; a client
    that keeps trying can even connect to itself there.
    """
    for _ in range(100):
        port = random.randrange(LOWEST, _first_ephemeral())
        if _is_free(port):
            return port
    raise RuntimeError("Found no free port for a test server in 100 tries.")


def _first_ephemeral() -> int:
    try:
        return max(int(EPHEMERAL.read_text().split()[0]), LOWEST + 1000)
    except OSError:
        return 32_768


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
