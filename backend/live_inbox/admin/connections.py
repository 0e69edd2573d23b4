"""The connected devices of a user, as the page of their inbox shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.contrib.auth import get_permission_codename, get_user_model
from django.http import HttpRequest
from django.utils.timezone import localtime

from live_inbox.services.connection_reports import reports
from live_inbox.storable import is_storable_text


def may_change_users(request: HttpRequest) -> bool:
    """Whether somebody may see where a user is connected from, and sign them out."""
    options = get_user_model()._meta
    return request.user.has_perm(
        f"{options.app_label}.{get_permission_codename('change', options)}"
    )


def connected_devices(inquiry: str) -> dict[str, Any]:
    """Return the answers of the servers so far, as JSON: how many processes have answered, and the sockets."""
    answers = reports(inquiry) if is_storable_text(inquiry) else {}
    return {
        "processes": len(answers),
        "devices": [
            {
                "api": socket.api,
                "since": _shown(socket.opened_at),
                "until": _shown(socket.expires_at),
                "address": socket.address,
                "process": process,
            }
            for process, sockets in answers.items()
            for socket in sockets
        ],
    }


def _shown(moment: float | None) -> str:
    """Return a moment in the time zone of the admin; empty for never."""
    if moment is None:
        return ""
    return f"{localtime(datetime.fromtimestamp(moment, UTC)):%Y-%m-%d %H:%M:%S}"
