"""A real-time notification inbox for Django: ordered, gap-free and resumable on every device.

The names below are the public surface, with `live_inbox.asgi`, `live_inbox.urls`, `live_inbox.authentication`,
`live_inbox.signals`, `live_inbox.testing`, `live_inbox.admin.users.InboxUserAdminMixin`, the app
`live_inbox.admin_site_extras`, the package `live_inbox_graphql`, the setting `LIVE_INBOX`, and the functions of the
original guide in `live_inbox.json_api.sending`. Everything else is private: it may change in any release.

    import live_inbox

    live_inbox.send(recipient=user, title="Invoice paid", link="/invoices/42/")
    await live_inbox.asend(recipient=user, title="Invoice paid")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from live_inbox.bulk_states import BulkState
    from live_inbox.campaigns import Campaign
    from live_inbox.delivery.position import Position
    from live_inbox.errors import (
        Conflict,
        Forbidden,
        InvalidInput,
        NotFound,
        NotificationError,
        RateLimited,
        UnrecordedWrite,
    )
    from live_inbox.personal_data.erasure import Erased
    from live_inbox.public_api import (
        aarchive,
        aarchive_all,
        acampaign,
        acancel,
        acancel_campaign,
        adelete,
        adelete_all,
        aedit,
        aerase_user,
        aexport_user,
        amark_all_read,
        amark_all_read_of,
        amark_read,
        amark_seen,
        amark_unread,
        aperform_action,
        apin,
        archive,
        archive_all,
        arecall,
        arecall_campaign,
        arun_campaign,
        asend,
        asend_many,
        aset_preference,
        asnooze,
        astart_campaign,
        asubscribe,
        atopics,
        aunarchive,
        aundo,
        aunpin,
        aunsnooze,
        aunsubscribe,
        awants,
        awho_wants,
        campaign,
        cancel,
        cancel_campaign,
        delete,
        delete_all,
        edit,
        erase_user,
        export_user,
        mark_all_read,
        mark_all_read_of,
        mark_read,
        mark_seen,
        mark_unread,
        perform_action,
        pin,
        recall,
        recall_campaign,
        run_campaign,
        send,
        send_many,
        set_preference,
        snooze,
        start_campaign,
        subscribe,
        topics,
        unarchive,
        undo,
        unpin,
        unsnooze,
        unsubscribe,
        wants,
        who_wants,
    )
    from live_inbox.services import (
        AllRead,
        BulkChanged,
        Changed,
        Deleted,
        Seen,
        SenderDeleted,
        SendManyCancelled,
        SendManyInterrupted,
        Sent,
        SentMany,
    )

__all__ = [
    "AllRead",
    "BulkChanged",
    "BulkState",
    "Campaign",
    "Changed",
    "Conflict",
    "Deleted",
    "Erased",
    "Forbidden",
    "InvalidInput",
    "NotFound",
    "NotificationError",
    "Position",
    "RateLimited",
    "Seen",
    "SendManyCancelled",
    "SendManyInterrupted",
    "SenderDeleted",
    "Sent",
    "SentMany",
    "UnrecordedWrite",
    "__version__",
    "aarchive",
    "aarchive_all",
    "acampaign",
    "acancel",
    "acancel_campaign",
    "adelete",
    "adelete_all",
    "aedit",
    "aerase_user",
    "aexport_user",
    "amark_all_read",
    "amark_all_read_of",
    "amark_read",
    "amark_seen",
    "amark_unread",
    "aperform_action",
    "apin",
    "archive",
    "archive_all",
    "arecall",
    "arecall_campaign",
    "arun_campaign",
    "asend",
    "asend_many",
    "aset_preference",
    "asnooze",
    "astart_campaign",
    "asubscribe",
    "atopics",
    "aunarchive",
    "aundo",
    "aunpin",
    "aunsnooze",
    "aunsubscribe",
    "awants",
    "awho_wants",
    "campaign",
    "cancel",
    "cancel_campaign",
    "delete",
    "delete_all",
    "edit",
    "erase_user",
    "export_user",
    "mark_all_read",
    "mark_all_read_of",
    "mark_read",
    "mark_seen",
    "mark_unread",
    "perform_action",
    "pin",
    "recall",
    "recall_campaign",
    "run_campaign",
    "send",
    "send_many",
    "set_preference",
    "snooze",
    "start_campaign",
    "subscribe",
    "topics",
    "unarchive",
    "undo",
    "unpin",
    "unsnooze",
    "unsubscribe",
    "wants",
    "who_wants",
]

_MODULES = {
    "live_inbox.errors": {
        "Conflict",
        "Forbidden",
        "InvalidInput",
        "NotFound",
        "NotificationError",
        "RateLimited",
        "UnrecordedWrite",
    },
    "live_inbox.bulk_states": {"BulkState"},
    "live_inbox.campaigns": {"Campaign"},
    "live_inbox.delivery.position": {"Position"},
    "live_inbox.personal_data.erasure": {"Erased"},
    "live_inbox.services": {
        "AllRead",
        "BulkChanged",
        "Changed",
        "Deleted",
        "Seen",
        "SendManyCancelled",
        "SendManyInterrupted",
        "SenderDeleted",
        "Sent",
        "SentMany",
    },
}
"""Where public names come from that are not functions."""

_PUBLIC_MODULES = frozenset({"asgi", "signals", "testing"})
"""Modules that need no import of their own: `live_inbox.asgi.mount` works after `import live_inbox`."""


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: INSTALLED_APPS imports this package before there are models."""
    if name in _PUBLIC_MODULES:
        return import_module(f"{__name__}.{name}")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = next(
        (path for path, names in _MODULES.items() if name in names), "live_inbox.public_api"
    )
    return getattr(import_module(module), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
