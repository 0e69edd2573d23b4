"""The pytest plugin, which pytest loads by itself: the fixture `sent_notifications`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from live_inbox.testing import SentNotifications


@pytest.fixture
def sent_notifications(db: None) -> SentNotifications:
    """What the test has sent so far, in order: a list of `live_inbox.testing.SentNotification`."""
    # pytest loads this module before pytest-django has set up Django.
    from live_inbox.testing import SentNotifications

    return SentNotifications()
