"""Planted bugs: the webhook of actions, and the devices that an administrator disconnects."""

from tests.planted.planted_bug import PlantedBug

WEBHOOK = "backend/live_inbox/maintenance/action_webhook.py"
TESTS = "tests/domain/test_action_webhook.py"
CRASHES = "tests/domain/test_action_webhook_crashes.py"

BUGS = (
    PlantedBug(
        name="webhook-without-an-outbox",
        breaks="A message is written after the outcome has been committed, and is lost with the process.",
        file="backend/live_inbox/services/performing.py",
        original="        enqueue(notification, now=at)\n",
        replacement="        __import__('django').db.transaction.on_commit(lambda: enqueue(notification, now=at))\n",
        caught_by=(f"{CRASHES}::test_a_choice_is_recorded_with_its_message_or_not_at_all",),
    ),
    PlantedBug(
        name="webhook-claims-too-short",
        breaks="While one process waits for the receiver, others send it the same message.",
        file=WEBHOOK,
        original="LEASE_SECONDS = 30.0",
        replacement="LEASE_SECONDS = -5.0",
        caught_by=(
            f"{TESTS}::test_a_crash_after_the_request_leads_to_a_second_one_with_the_same_id",
        ),
    ),
    PlantedBug(
        name="webhook-forgets-before-the-answer",
        breaks="A message is removed although its receiver has failed.",
        file=WEBHOOK,
        original="delivered = [row.pk for row, outcome in outcomes if error_of(outcome) is None]",
        replacement="delivered = [row.pk for row, outcome in outcomes]",
        caught_by=(f"{TESTS}::test_other_statuses_are_tried_again",),
    ),
    PlantedBug(
        name="webhook-overwrites-the-next-attempt",
        breaks="A process that was too slow moves an attempt that another one makes.",
        file=WEBHOOK,
        original="rows.filter(pk=failure.id, next_attempt_at=until)",
        replacement="rows.filter(pk=failure.id)",
        caught_by=(
            f"{TESTS}::test_a_process_that_was_too_slow_changes_nothing_of_the_next_attempt",
        ),
    ),
    PlantedBug(
        name="webhook-signs-the-body-alone",
        breaks="A signature fits a request with another id or time.",
        file="backend/live_inbox/webhook_signatures.py",
        original='b".".join([message_id.encode(), str(timestamp).encode(), body])',
        replacement="body",
        caught_by=(f"{TESTS}::test_the_example_of_the_specification_is_signed_as_it_says",),
    ),
    PlantedBug(
        name="requests-after-their-deadline",
        breaks="A request is sent when nobody waits for its answer any more.",
        file="backend/live_inbox/http_client.py",
        original="if time.monotonic() > self.tracking.deadline:",
        replacement="if False:",
        caught_by=("tests/test_http_client.py::test_nothing_is_sent_after_the_deadline",),
    ),
    PlantedBug(
        name="disconnects-all-devices",
        breaks="An administrator who disconnects one device disconnects all of that user.",
        file="backend/live_inbox/identity/admissions.py",
        original="if admission.id == socket_id:",
        replacement="if socket_id:",
        caught_by=("tests/identity/test_admissions.py::test_one_socket_of_a_user_is_disconnected",),
    ),
)
