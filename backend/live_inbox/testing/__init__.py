"""Tools for the tests of projects that send notifications: docs/testing.md has examples.

- `CaptureNotifications`, a mixin for Django's test cases, and the pytest fixture `sent_notifications`: what was sent;
- `inbox_of` and `ainbox_of`: what a user's inbox holds;
- `connect`: a device of a user, which receives events without a server and without Redis;
- `subscribe`: the same through a GraphQL subscription.

All of them work in `TestCase`, whose transaction is never committed: they read the log, in the test's own transaction.
"""

from live_inbox.testing.capturing import CaptureNotifications
from live_inbox.testing.connecting import Device, GraphQLDevice, SyncDevice, connect, subscribe
from live_inbox.testing.inboxes import InboxContents, ainbox_of, inbox_of
from live_inbox.testing.sent import SentNotification, SentNotifications

__all__ = [
    "CaptureNotifications",
    "Device",
    "GraphQLDevice",
    "InboxContents",
    "SentNotification",
    "SentNotifications",
    "SyncDevice",
    "ainbox_of",
    "connect",
    "inbox_of",
    "subscribe",
]
