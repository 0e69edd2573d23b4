"""Which sockets a user has open, in all server processes: asked over the doorbell, answered in the database.

The processes keep no list of their sockets where others could read it: it would cost writes for each that opens and
closes. Somebody who wants to know asks, and each process answers with a row.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import timedelta
from typing import Any

from django.db.models.functions import Now

from live_inbox import database
from live_inbox.apps import doorbell
from live_inbox.identity.admissions import OpenSocket
from live_inbox.models import ConnectionReport

KEEP = timedelta(minutes=5)
"""How long answers are kept: they have addresses of clients."""

_QUESTION = "connections."
"""Stands before an inquiry and a user's key where an account change is this question."""


def ask(*, user_id: Any) -> str:
    """Ask all server processes which sockets a user has open; return the inquiry, for `reports`."""
    inquiry = secrets.token_hex(8)
    doorbell().ring_empty([f"{_QUESTION}{inquiry}.{user_id}"])
    return inquiry


def question_in(account_change: str) -> tuple[str, str] | None:
    """Return the inquiry and the user's key of a question; None for any other account change."""
    if not account_change.startswith(_QUESTION):
        return None
    inquiry, _, user_id = account_change.removeprefix(_QUESTION).partition(".")
    return inquiry, user_id


_NAMES = frozenset(each.name for each in fields(OpenSocket))


@database.transactional
def answer(*, inquiry: str, process: str, sockets: Sequence[OpenSocket]) -> None:
    """Write the answer of a process, once, and remove those of inquiries that are over."""
    rows = database.queryset(ConnectionReport)
    rows.filter(created_at__lt=database.now() - KEEP).delete()
    report = ConnectionReport(
        inquiry=inquiry,
        process=process,
        sockets=[asdict(socket) for socket in sockets],
        created_at=Now(),
    )
    rows.bulk_create([report], ignore_conflicts=True)


@database.reading
def reports(inquiry: str) -> Mapping[str, Sequence[OpenSocket]]:
    """Return the answers so far: the sockets of each process, of which one of another release may say more or less."""
    rows = database.queryset(ConnectionReport).filter(inquiry=inquiry)
    found = rows.order_by("process").values_list("process", "sockets")
    return {process: [_socket_of(each) for each in sockets] for process, sockets in found}


def _socket_of(answer: Mapping[str, Any]) -> OpenSocket:
    return OpenSocket(**{name: answer[name] for name in answer.keys() & _NAMES})
