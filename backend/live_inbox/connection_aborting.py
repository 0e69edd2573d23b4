"""Ends what another thread waits for on its database connection."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from contextlib import suppress
from typing import Any

CANCEL_SECONDS = 5.0
"""How long a request to cancel a statement may take."""


def inode_of(connection: Any) -> int:
    """Return what identifies the socket of a connection of psycopg or psycopg2, and no other as long as it is open."""
    return os.fstat(connection.fileno()).st_ino


def abort(connection: Any, inode: int) -> None:
    """Make the call fail that another thread makes on a connection of psycopg or psycopg2. Does not block.

    The server is asked to end the statement, so that it releases its locks, and the socket is shut down, because the
    server may be unreachable. `inode` is what `inode_of` returned when the connection was new. Does nothing if the
    connection is closed, or if another thread closes it at this moment.
    """
    with suppress(Exception):
        _cancel(connection)
    with suppress(Exception):
        _shut_down(connection.fileno(), inode)


def _cancel(connection: Any) -> None:
    # psycopg 3 with libpq 17 only: other ways have no timeout. There, `statement_timeout` has to end the statement.
    request = connection.pgconn.cancel_conn()
    request.start()
    threading.Thread(target=_finish, args=(request,), name="cancel", daemon=True).start()


def _finish(request: Any) -> None:
    """Wait until a request to cancel has been sent, or CANCEL_SECONDS are over."""
    deadline = time.monotonic() + CANCEL_SECONDS
    with suppress(Exception):
        while (left := deadline - time.monotonic()) > 0:
            status = request.poll().name
            if status == "READING":
                select.select([request.socket], [], [], left)
            elif status == "WRITING":
                select.select([], [request.socket], [], left)
            else:
                break
    request.finish()


def _shut_down(descriptor: int, inode: int) -> None:
    with socket.socket(fileno=os.dup(descriptor)) as duplicate:
        # If it was closed meanwhile, the descriptor may belong to somebody else.
        if os.fstat(duplicate.fileno()).st_ino == inode:
            duplicate.shutdown(socket.SHUT_RDWR)
