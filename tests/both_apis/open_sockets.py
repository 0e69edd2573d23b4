"""The open sockets of a user, as a server in this process reports them."""

from __future__ import annotations

from collections.abc import Sequence

from live_inbox.identity.admissions import OpenSocket
from live_inbox.services.connection_reports import ask, reports
from tests.waiting import comes_true, wait_until


def sockets_of(user_id: int) -> Sequence[OpenSocket]:
    """Return the sockets of this user, the oldest first.

    Of the servers in this process, one answers each inquiry. So it is repeated until that is the one with the sockets.
    """
    found: list[OpenSocket] = []

    def is_answered() -> bool:
        inquiry = ask(user_id=user_id)
        comes_true(lambda: bool(reports(inquiry)), seconds=5)
        found[:] = [socket for sockets in reports(inquiry).values() for socket in sockets]
        return bool(found)

    wait_until(is_answered)
    return found
