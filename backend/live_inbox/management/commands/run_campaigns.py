"""manage.py run_campaigns: carries out campaigns, as server processes do."""

from __future__ import annotations

from typing import Any

from django.template.defaultfilters import pluralize

from live_inbox.management.inbox_command import InboxCommand
from live_inbox.services import run_campaign
from live_inbox.services.campaign_running import due_campaigns


class Command(InboxCommand):
    """Sends and recalls what is due of all campaigns."""

    help = (
        "Do all that is due of campaigns: send them to those who have not been reached, and delete those that were "
        "recalled. Server processes do it; with HOUSEKEEPING=false, or on servers without lifespan events, run this "
        "regularly. It may be ended at any time."
    )

    def handle(self, *args: Any, **options: Any) -> str | None:
        """Run them, the oldest first, and print what has become of each."""
        while due := due_campaigns():
            for campaign_id in due:
                campaign = run_campaign(campaign_id=campaign_id)
                self.stdout.write(
                    f"Campaign {campaign.id}: {campaign.state.value}, sent to {campaign.sent}"
                    f" user{pluralize(campaign.sent)}."
                )
        return None
