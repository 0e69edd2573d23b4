"""The connected devices of a user, as the page of their inbox shows and disconnects them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth import get_permission_codename, get_user_model
from django.http import HttpRequest
from django.utils.timezone import localtime

from live_inbox.identity.admissions import OpenSocket
from live_inbox.services.connection_reports import reports
from live_inbox.storable import is_storable_text


def may_change_users(request: HttpRequest) -> bool:
    """Whether somebody may see where a user is connected from, disconnect a device, and sign them out."""
    options = get_user_model()._meta
    return request.user.has_perm(
        f"{options.app_label}.{get_permission_codename('change', options)}"
    )


def connected_devices(inquiry: str) -> dict[str, Any]:
    """Return the answers of the servers so far, as JSON: how many processes have answered, and the sockets."""
    answers = _answers(inquiry)
    return {
        "processes": len(answers),
        "devices": [
            {
                "id": socket.id,
                "api": socket.api,
                "since": _shown(socket.opened_at),
                "until": _shown(socket.expires_at),
                "position": "" if socket.position is None else str(socket.position),
                "address": socket.address,
                "process": process,
            }
            for process, sockets in answers.items()
            for socket in sockets
        ],
    }


def connected_device(inquiry: str, socket_id: str) -> OpenSocket | None:
    """Return a socket of the answers to an inquiry; None if it is in none of them, or they are too old."""
    sockets = (socket for answer in _answers(inquiry).values() for socket in answer)
    return next((socket for socket in sockets if socket.id == socket_id), None)


def shown_device(socket: OpenSocket) -> str:
    """Return how the history names a device. Not by its address: the history is kept for longer than that may be."""
    return f"{socket.api}, connected since {_shown(socket.opened_at)}"


def _answers(inquiry: str) -> Mapping[str, Sequence[OpenSocket]]:
    return reports(inquiry) if is_storable_text(inquiry) else {}


def _shown(moment: float | None) -> str:
    """Return a moment in the time zone of the admin; empty for never."""
    if moment is None:
        return ""
    return f"{localtime(datetime.fromtimestamp(moment, UTC)):%Y-%m-%d %H:%M:%S}"
