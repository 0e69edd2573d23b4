"""The readers: everything that is read of an inbox. Each costs a fixed number of queries at any size."""

from live_inbox.selectors.campaigns import Reception, reception
from live_inbox.selectors.inbox_state import EMPTY, InboxState, inbox_state
from live_inbox.selectors.lists import MAX_TYPES, Page, notification, page, rank_of
from live_inbox.selectors.log import events, heads
from live_inbox.selectors.newest_pages import newest_pages
from live_inbox.selectors.preferences import (
    PreferenceState,
    notification_types,
    preference_state,
    preferences,
)

__all__ = [
    "EMPTY",
    "MAX_TYPES",
    "InboxState",
    "Page",
    "PreferenceState",
    "Reception",
    "events",
    "heads",
    "inbox_state",
    "newest_pages",
    "notification",
    "notification_types",
    "page",
    "preference_state",
    "preferences",
    "rank_of",
    "reception",
]
