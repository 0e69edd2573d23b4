"""The mixin for Django's test cases."""

from __future__ import annotations

import unittest
from typing import TYPE_CHECKING, Any

from live_inbox.testing.sent import SentNotification, SentNotifications

if TYPE_CHECKING:
    _Case = unittest.TestCase
else:
    _Case = object


class CaptureNotifications(_Case):
    """Captures what a test sends: `class OrderTests(CaptureNotifications, TestCase)`.

    Works with TestCase and TransactionTestCase. What was sent before the test, in `setUpTestData`, does not count.
    """

    sent_notifications: SentNotifications
    """What the test has sent so far."""

    def setUp(self) -> None:
        """Begin to capture. A test case with a `setUp` of its own calls `super().setUp()`."""
        super().setUp()
        self.sent_notifications = SentNotifications()

    def notifications_of(self, user: Any) -> list[SentNotification]:
        """Return what the test has sent to a user, in order."""
        return self.sent_notifications.to(user)

    def assertSent(self, recipient: Any, **content: Any) -> SentNotification:
        """Fail unless a notification with this content was sent to a user; return the first one.

        `self.assertSent(user, title="Shipped", link="/orders/7/")`. What is not named may be anything.
        """
        sent = self.notifications_of(recipient)
        for each in sent:
            if each.has(**content):
                return each
        raise self.failureException(f"Nothing like {content} was sent to {recipient}, but {sent}.")

    def assertNotSent(self, recipient: Any, **content: Any) -> None:
        """Fail if a notification with this content was sent to a user; without content, if any was."""
        sent = [each for each in self.notifications_of(recipient) if each.has(**content)]
        if sent:
            self.fail(f"This was sent to {recipient}: {sent}.")

    def assertNothingSent(self) -> None:
        """Fail if a notification was sent to anybody."""
        if self.sent_notifications:
            self.fail(f"This was sent: {self.sent_notifications}.")
