"""Planted bugs: campaigns and topics."""

from tests.planted.planted_bug import PlantedBug

SERVICES = "backend/live_inbox/services"
CAMPAIGNS = "tests/domain/test_campaigns.py"

BUGS = (
    PlantedBug(
        name="campaign-serves-again",
        breaks="Each step of a campaign begins in the middle of the step before.",
        file=f"{SERVICES}/campaign_running.py",
        original="last = str(page[-1])",
        replacement="last = str(page[0])",
        caught_by=(f"{CAMPAIGNS}::test_everybody_who_is_active_gets_it",),
    ),
    PlantedBug(
        name="campaign-forgets-who-was-locked",
        breaks="Recipients whose inboxes are locked when their turn comes never get it.",
        file=f"{SERVICES}/campaign_running.py",
        original="left = [*rest, *(each for each in chosen if each in locked)]",
        replacement="left = [*rest]",
        caught_by=("tests/domain/test_campaign_locked.py::test_those_who_are_locked_come_last",),
    ),
    PlantedBug(
        name="campaign-in-two-transactions",
        breaks="How far a campaign has come is written after the commit of what was sent.",
        file=f"{SERVICES}/campaign_running.py",
        original="@database.transactional\ndef _send(",
        replacement="def _send(",
        caught_by=("tests/domain/test_campaign_crashes.py::test_one_crash_at_each_step",),
    ),
    PlantedBug(
        name="campaign-before-its-time",
        breaks="A campaign begins before its `deliver_at`.",
        file="backend/live_inbox/campaigns.py",
        original="if self.deliver_at is not None and self.deliver_at > clock.now():",
        replacement="if False:",
        caught_by=(f"{CAMPAIGNS}::test_nobody_gets_it_before_its_time",),
    ),
    PlantedBug(
        name="cancelled-campaign-goes-on",
        breaks="A campaign that was cancelled is sent to everybody else.",
        file=f"{SERVICES}/campaign_steps.py",
        original="return row if row.state in states else None",
        replacement="return row",
        caught_by=(f"{CAMPAIGNS}::test_a_process_that_is_at_it_stops_when_it_is_cancelled",),
    ),
    PlantedBug(
        name="topics-without-quota",
        breaks="A user may be subscribed to any number of topics.",
        file=f"{SERVICES}/topics.py",
        original="if len(own) >= most:",
        replacement="if False:",
        caught_by=(f"{CAMPAIGNS}::test_a_user_has_so_many_topics_and_no_more",),
    ),
    PlantedBug(
        name="due-campaigns-are-pruned",
        breaks="Housekeeping removes old campaigns that have not been carried out.",
        file="backend/live_inbox/maintenance/bulk_send_pruning.py",
        original=".exclude(due)",
        replacement="",
        caught_by=(f"{CAMPAIGNS}::test_pruning_keeps_what_is_due",),
    ),
)
