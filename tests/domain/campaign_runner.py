"""A process that carries out what is due of all campaigns, and reports each step on its standard output.

`python -m tests.domain.campaign_runner`: it does what housekeeping does, until nothing is due.
"""

from __future__ import annotations

import os

import django


def main() -> None:
    """Run, with small transactions."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "live_inbox_site.settings")
    django.setup()

    from live_inbox.maintenance.campaigns import run_campaigns_in_steps
    from live_inbox.services import campaign_running

    campaign_running.STEP_RECIPIENTS = 20
    print("ready", flush=True)
    for _ in run_campaigns_in_steps():
        print("committed", flush=True)


if __name__ == "__main__":
    main()
