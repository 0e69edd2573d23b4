"""manage.py run_campaigns: what the servers do, from the command line."""

from __future__ import annotations

from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

import live_inbox
from live_inbox.models import Notification

pytestmark = pytest.mark.django_db


def run() -> str:
    output = StringIO()
    call_command("run_campaigns", stdout=output)
    return output.getvalue()


def test_it_sends_and_recalls_what_is_due() -> None:
    User.objects.bulk_create(User(username=f"u{n}") for n in range(3))
    campaign = live_inbox.start_campaign(everybody=True, title="x")
    assert run() == f"Campaign {campaign.id}: done, sent to 3 users.\n"
    assert run() == ""
    live_inbox.recall_campaign(campaign.id)
    assert run() == f"Campaign {campaign.id}: recalled, sent to 3 users.\n"
    assert not Notification.objects.exists()
