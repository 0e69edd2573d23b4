"""The socket that the server listens on: of a port, of a file, or inherited from the process that has started it."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.core.management.base import CommandError

BACKLOG = 65_535
"""How many connections may wait to be accepted: as many as the system allows (`net.core.somaxconn` on Linux).

Linux drops what comes to a full queue, and those clients try again after a second and more. 10,000 that reconnect at
once to one process fill a queue of 2,048, uvicorn's own number.
"""


def bind(host: str, port: int, *, is_shared: bool = False) -> socket.socket:
    """Return a socket that listens there; raise CommandError, in one line, if that cannot be.

    With `is_shared`, other servers of the same user may listen there as well, and the system gives each its part of the
    new connections (SO_REUSEPORT).

    Done before anything else, so that nothing has happened yet when the port is busy. Who connects before the
    server is ready waits for it.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if is_shared:
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listening.bind(address)
            listening.listen(BACKLOG)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise CommandError(_why_not(error, host, port)) from None
    return listening


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} is in use: choose another one (--port, or make run PORT=...), or stop "
            "what listens there."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} may not be opened by this user: choose one above 1023."
    return f"The server cannot listen on {host}, port {port}: {error.strerror or error}."


@contextmanager
def unix_socket(path: Path) -> Iterator[socket.socket]:
    """Listen on a Unix socket while in the block, and remove its file after it. Raise CommandError if that cannot be.

    Every user may connect who may enter its directory. The file of a server that was killed is replaced.
    """
    try:
        _remove_left_over(path)
        listening = socket.socket(socket.AF_UNIX)
        try:
            listening.bind(str(path))
            os.chmod(path, 0o666)  # noqa: S103  # as a port of this machine
            listening.listen(BACKLOG)
            own = path.stat()
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise CommandError(
            f"The server cannot listen on {path}: {error.strerror or error}."
        ) from None
    try:
        with listening:
            yield listening
    finally:
        with suppress(OSError):
            # A successor that has started meanwhile has a file of its own there.
            if os.path.samestat(own, path.stat()):
                path.unlink()


def _remove_left_over(path: Path) -> None:
    try:
        is_socket = stat.S_ISSOCK(path.lstat().st_mode)
    except FileNotFoundError:
        return
    if not is_socket:
        raise CommandError(f"{path} is there, and no socket.")
    with socket.socket(socket.AF_UNIX) as knocking:
        knocking.setblocking(False)
        code = knocking.connect_ex(str(path))
    if code != errno.ECONNREFUSED:
        raise CommandError(f"{path} is in use: choose another one, or stop what listens there.")
    path.unlink()


def inherited(descriptor: int) -> socket.socket:
    """Return the listening socket that the parent of this process has opened. Raise CommandError if it is none."""
    wrong = CommandError(
        f"File descriptor {descriptor} is no listening socket: the process that starts the server opens it, such as "
        "systemd, whose first one is 3."
    )
    try:
        listening = socket.socket(fileno=descriptor)
    except OSError:
        raise wrong from None
    try:
        listens = listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError:
        listens = 0
    if not listens or listening.type != socket.SOCK_STREAM:
        # It is its owner's: not closed.
        listening.detach()
        raise wrong
    # Processes that this one starts for other things do not get it.
    listening.set_inheritable(False)
    return listening


def place_of(listening: socket.socket) -> str:
    """Return where a socket listens, for people."""
    name = listening.getsockname()
    if listening.family == socket.AF_UNIX:
        return f"the Unix socket {os.fsdecode(name)}"
    return f"{name[0]}, port {name[1]}"
