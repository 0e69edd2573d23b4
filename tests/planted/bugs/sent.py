"""Planted bugs: editing, recalling, and sends that wait for their time."""

from tests.planted.planted_bug import PlantedBug

SERVICES = "backend/live_inbox/services"
DELIVERIES = "backend/live_inbox/maintenance/deliveries.py"

BUGS = (
    PlantedBug(
        name="recipients-edit",
        breaks="Whoever may send to themselves edits what others have sent them.",
        file=f"{SERVICES}/sent_access.py",
        original="if not sends_to_others or not may_send(",
        replacement="if not may_send(",
        caught_by=(
            "tests/domain/test_editing.py::test_recipients_do_not_edit_what_others_have_sent_them",
        ),
    ),
    PlantedBug(
        name="edit-drops-the-expiry",
        breaks="An edit with a time to live falls back to no expiry.",
        file=f"{SERVICES}/editing.py",
        original="    if not read.waits:\n",
        replacement="    if read:\n",
        caught_by=("tests/domain/test_relative_expiry.py::test_an_edit_counts_from_the_edit_on",),
    ),
    PlantedBug(
        name="edit-notifies-again",
        breaks="Clients of the JSON protocol are told of an edit as of something new.",
        file="backend/live_inbox/events.py",
        original='EDITED = "edited", PayloadType.NOTIFICATION, "NotificationUpdated", "notifications_list"',
        replacement='EDITED = "edited", PayloadType.NOTIFICATION, "NotificationUpdated", "notification"',
        caught_by=("tests/json_api/test_messages.py::test_event_of_every_kind_has_its_message",),
    ),
    PlantedBug(
        name="recalled-and-sent-on",
        breaks="A bulk send that was recalled goes on with the recipients who were left.",
        file=f"{SERVICES}/bulk_record.py",
        original="            if self._state not in _GOES_ON:\n",
        replacement="            if False:\n",
        caught_by=(
            "tests/domain/test_campaigns.py::test_a_call_of_send_many_is_recalled_by_its_id",
        ),
    ),
    PlantedBug(
        name="recalled-under-way",
        breaks="A bulk send that is under way goes on after it was recalled.",
        file=f"{SERVICES}/bulk_record.py",
        original=".filter(pk=id, chunks=self._chunks, state__in=_GOES_ON)",
        replacement=".filter(pk=id, chunks=self._chunks)",
        caught_by=(
            "tests/domain/test_campaigns.py::test_a_call_of_send_many_is_cancelled_in_the_middle",
        ),
    ),
    PlantedBug(
        name="delivered-again",
        breaks="A scheduled send is delivered at each run, because its row stays.",
        file=DELIVERIES,
        original="filter(pk__in=[row.pk for row in rows]).delete()",
        replacement="filter(pk__in=[row.pk for row in rows if row.pk not in sent]).delete()",
        caught_by=("tests/domain/test_scheduling.py::test_nothing_is_there_until_it_is_due",),
    ),
    PlantedBug(
        name="delivered-out-of-order",
        breaks="What is due for one user at once arrives in the order of its types.",
        file=DELIVERIES,
        original="        count[row.recipient_id] += 1\n",
        replacement="        count[row.recipient_id, row.content['title']] += 1\n",
        caught_by=(
            "tests/domain/test_scheduling.py::test_what_one_user_gets_comes_in_the_order_of_its_time",
        ),
    ),
    PlantedBug(
        name="recalled-and-delivered",
        breaks="What a recalled bulk send had scheduled is delivered after a crash.",
        file=DELIVERIES,
        original="bulk_sends[row.bulk_send_id].state in STOPPED",
        replacement="False",
        caught_by=(
            "tests/domain/test_scheduling.py::test_what_was_ended_half_way_is_not_delivered",
        ),
    ),
    PlantedBug(
        name="schedules-without-end",
        breaks="A caller may have any number of scheduled sends.",
        file=f"{SERVICES}/schedule_quota.py",
        original="+ count > most",
        replacement="> most",
        caught_by=(
            "tests/both_apis/test_scheduling.py::test_a_caller_may_not_have_any_number_of_them",
        ),
    ),
    PlantedBug(
        name="record-pruned-while-waiting",
        breaks="The record of a bulk send is pruned, and with it what it has scheduled.",
        file="backend/live_inbox/maintenance/bulk_send_pruning.py",
        original="filter(~waiting, changed_at__lt=horizon)",
        replacement="filter(changed_at__lt=horizon)",
        caught_by=(
            "tests/domain/test_scheduling.py::test_the_record_is_kept_while_somebody_waits",
        ),
    ),
)
