"""The readers: everything that is read of an inbox. Each costs a fixed number of queries at any size."""

from live_inbox.listing.filters import EVERYTHING, MAX_TYPES, ListFilter
from live_inbox.selectors.campaigns import Reception, reception
from live_inbox.selectors.counts_by_type import TypeCounts, type_counts
from live_inbox.selectors.inbox_state import EMPTY, InboxState, inbox_state
from live_inbox.selectors.lists import Page, notification, page, rank_of
from live_inbox.selectors.log import events, heads
from live_inbox.selectors.newest_pages import newest_pages
from live_inbox.selectors.preferences import (
    ChannelName,
    ChannelState,
    PreferenceState,
    channels,
    notification_types,
    preference,
    preferences,
    users_who_want,
)
from live_inbox.selectors.target_links import Target, has_links, target_links

__all__ = [
    "EMPTY",
    "EVERYTHING",
    "MAX_TYPES",
    "ChannelName",
    "ChannelState",
    "InboxState",
    "ListFilter",
    "Page",
    "PreferenceState",
    "Reception",
    "Target",
    "TypeCounts",
    "channels",
    "events",
    "has_links",
    "heads",
    "inbox_state",
    "newest_pages",
    "notification",
    "notification_types",
    "page",
    "preference",
    "preferences",
    "rank_of",
    "reception",
    "target_links",
    "type_counts",
    "users_who_want",
]
