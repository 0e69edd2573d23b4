"""The modules of the product that the scripts use, from a checkout of this layout or of the one before the move.

Importing this sets Django up; `DJANGO_SETTINGS_MODULE` says which layout it is (`Checkout.environment`).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import django

django.setup()

if TYPE_CHECKING or not os.environ["DJANGO_SETTINGS_MODULE"].startswith("backend."):
    from live_inbox import selectors, services
    from live_inbox.apps import doorbell
    from live_inbox.identity.issuing import issue_token
    from live_inbox.models import Inbox, InboxEvent, Notification, new_epoch
else:
    from backend.identity.issuing import issue_token
    from backend.notifications import selectors, services
    from backend.notifications.apps import doorbell
    from backend.notifications.models import Inbox, InboxEvent, Notification, new_epoch

__all__ = [
    "Inbox",
    "InboxEvent",
    "Notification",
    "doorbell",
    "issue_token",
    "new_epoch",
    "selectors",
    "services",
]
