"""Carrying out campaigns in the background, by the server processes: nobody has to wait for a bulk send."""

from __future__ import annotations

from collections.abc import Iterator

from live_inbox.campaigns import read_campaign
from live_inbox.errors import NotFound
from live_inbox.maintenance.steps import result_of
from live_inbox.services.campaign_running import due_campaigns, steps_of
from live_inbox.services.campaign_steps import Step


def run_due_campaigns() -> int:
    """Do what is due of all campaigns; return how many steps that took.

    Can run at any time, and concurrently. It never waits: campaigns of which another process makes a step, and
    recipients whose inboxes are locked, are left to the next run.
    """
    return result_of(run_campaigns_in_steps(), 0)


def run_campaigns_in_steps() -> Iterator[int]:
    """Do what `run_due_campaigns` does, one transaction for each step; yield how many steps it took so far.

    Campaigns take turns, so that a small one does not wait for a large one. One that fails, such as one whose segment
    is declared no more, does not keep the others from theirs: the first error is raised at the end.
    """
    done = 0
    failed: Exception | None = None
    turns = [_steps(campaign_id) for campaign_id in due_campaigns()]
    while turns:
        for steps in list(turns):
            try:
                step = next(steps, Step.ENDED)
            except Exception as error:
                failed = failed or error
                step = Step.ENDED
            if step is Step.DONE:
                done += 1
                yield done
            else:
                turns.remove(steps)
    if failed is not None:
        raise failed


def _steps(campaign_id: int) -> Iterator[Step]:
    try:
        campaign = read_campaign(campaign_id)
    except NotFound:
        return  # removed since the look-up
    if campaign.is_due:
        yield from steps_of(campaign)
