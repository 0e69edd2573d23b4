"""Bugs in the doorbell, the hub and the live streams."""

from tests.planted.planted_bug import PlantedBug

DELIVERY = "backend/live_inbox/delivery"

BUGS = (
    PlantedBug(
        name="no-doorbell",
        breaks="No doorbell ever rings: every event waits for reconciliation.",
        file="backend/live_inbox/services/event_recording.py",
        original="doorbell().ring(event_batch, traceparent=traceparent)",
        replacement="doorbell()",
        caught_by=("tests/domain/test_send.py::test_a_notification_is_stored_logged_and_rung",),
    ),
    PlantedBug(
        name="own-hub-not-notified",
        breaks="A server does not notify its own hub: without Redis, every event waits for reconciliation.",
        file=f"{DELIVERY}/doorbell.py",
        original="loop.call_soon_threadsafe(on_message, event_batch)",
        replacement="loop.call_soon_threadsafe(on_message, {})",
        caught_by=(
            "tests/delivery/test_doorbell.py::test_in_a_server_the_hub_gets_the_events_directly_and_other_processes_by_the_layer",
        ),
    ),
    PlantedBug(
        name="own-doorbell-received-again",
        breaks="A process processes what it has published itself a second time.",
        file=f"{DELIVERY}/channel_listener.py",
        original='message.get("from") == self._own_doorbell',
        replacement='message.get("from") == ""',
        caught_by=(
            "tests/delivery/test_channel_listener.py::test_messages_of_other_processes_are_passed_on_and_own_ones_are_not",
        ),
    ),
    PlantedBug(
        name="doorbells-merged-backwards",
        breaks="Events of one inbox in two messages are applied in the wrong order: the log is read for nothing.",
        file=f"{DELIVERY}/channel_listener.py",
        original="[*earlier, *entries]",
        replacement="[*entries, *earlier]",
        caught_by=(
            "tests/delivery/test_channel_listener.py::test_what_a_draining_layer_has_received_is_merged_in_order",
        ),
    ),
    PlantedBug(
        name="bulk-rings-once",
        breaks="A bulk send rings for its first 200 inboxes only.",
        file=f"{DELIVERY}/doorbell.py",
        original="            yield chunk\n            chunk, size = {}, 0",
        replacement="            break",
        caught_by=(
            "tests/delivery/test_doorbell.py::test_a_bulk_rings_in_the_common_group_some_inboxes_at_a_time",
        ),
    ),
    PlantedBug(
        name="rung-before-the-commit",
        breaks="The doorbell rings within the transaction: clients see what may be rolled back.",
        file="backend/live_inbox/services/event_recording.py",
        original=(
            "transaction.on_commit("
            "lambda: _ring(events, payloads, traceparent), using=using, robust=True)"
        ),
        replacement="_ring(events, payloads, traceparent)",
        caught_by=("tests/domain/test_send.py::test_nothing_is_rung_before_the_commit",),
    ),
    PlantedBug(
        name="rung-for-a-rolled-back-savepoint",
        breaks="The doorbell of a savepoint that was rolled back rings with the outer transaction.",
        file="backend/live_inbox/services/event_recording.py",
        original=(
            "transaction.on_commit("
            "lambda: _ring(events, payloads, traceparent), using=using, robust=True)"
        ),
        replacement=(
            "database.connection().run_on_commit.append("
            "(set(), lambda: _ring(events, payloads, traceparent), True))"
        ),
        caught_by=(
            "tests/domain/test_send.py::test_what_is_rolled_back_is_not_rung_and_leaves_no_hole",
        ),
    ),
    PlantedBug(
        name="no-comparison-after-redis-returns",
        breaks="What was missed while Redis was away waits for reconciliation.",
        file=f"{DELIVERY}/channel_listener.py",
        original="if self._fault.is_on:\n                    self._fault.recovered()\n"
        "                    self._on_missed()",
        replacement="self._fault.recovered()",
        caught_by=(
            "tests/delivery/test_channel_listener.py::test_the_end_of_an_outage_is_reported_as_missed_messages",
        ),
    ),
    PlantedBug(
        name="no-comparison-after-joining",
        breaks="What was rung while a group was being joined waits for reconciliation.",
        file=f"{DELIVERY}/groups.py",
        original="self._on_joined(joined)",
        replacement="self._on_joined(set())",
        caught_by=(
            "tests/delivery/test_groups.py::test_the_common_group_is_joined_before_any_other",
        ),
    ),
    PlantedBug(
        name="reconciliation-dead",
        breaks="Reconciliation compares nothing: an event whose doorbell was lost never comes.",
        file=f"{DELIVERY}/log_reader.py",
        original="self.reconcile(self._open_inboxes)",
        replacement="self.reconcile(())",
        caught_by=("tests/delivery/test_hub.py::test_a_lost_doorbell_costs_one_watch_at_most",),
    ),
    PlantedBug(
        name="gap-not-read",
        breaks="A doorbell that skips a sequence does not have the log read.",
        file=f"{DELIVERY}/hub.py",
        original="_TO_READ = {Verdict.GAP, Verdict.FIRST}",
        replacement="_TO_READ = {Verdict.FIRST}",
        caught_by=(
            "tests/delivery/test_hub.py::test_a_doorbell_that_jumps_makes_the_hub_read_the_log_at_once",
        ),
    ),
    PlantedBug(
        name="entry-of-another-inbox",
        breaks="An event that was published for the wrong inbox is shown there.",
        file=f"{DELIVERY}/hub.py",
        original="if entry.inbox != inbox:",
        replacement="if not entry.inbox:",
        caught_by=(
            "tests/delivery/test_hub.py::test_an_entry_published_for_the_wrong_inbox_is_ignored",
        ),
    ),
    PlantedBug(
        name="begins-before-the-log-ends",
        breaks="A subscription from now on begins with old events where the stream lags behind the log.",
        file=f"{DELIVERY}/hub.py",
        original="if after is None and not is_fresh:",
        replacement="if after is None and is_fresh is None:",
        caught_by=(
            "tests/delivery/test_hub.py::test_who_comes_without_a_position_begins_where_the_log_ends",
        ),
    ),
    PlantedBug(
        name="stream-ignores-epochs",
        breaks="Events of another log are appended to a stream.",
        file=f"{DELIVERY}/live_stream.py",
        original="if entry.epoch != self._epoch:",
        replacement="if not self._epoch:",
        caught_by=("tests/delivery/test_live_stream.py::test_an_entry_is_judged_by_the_run",),
    ),
    PlantedBug(
        name="stream-skips-one",
        breaks="The first event after a position is left out.",
        file=f"{DELIVERY}/live_stream.py",
        original="start = sequence + 1 - self._first",
        replacement="start = sequence + 2 - self._first",
        caught_by=("tests/delivery/test_live_stream.py::test_an_entry_is_judged_by_the_run",),
    ),
    PlantedBug(
        name="stream-covers-one-too-many",
        breaks="A position right before the stream counts as covered, and its next event is left out.",
        file=f"{DELIVERY}/live_stream.py",
        original="if not -1 <= place < len(self._run):",
        replacement="if not -2 <= place < len(self._run):",
        caught_by=(
            "tests/delivery/test_live_stream.py::test_a_position_is_covered_if_all_that_follows_is_in_the_run",
        ),
    ),
    PlantedBug(
        name="stream-covers-beyond-its-head",
        breaks="A position that the log has lost counts as covered.",
        file=f"{DELIVERY}/live_stream.py",
        original="place = position.sequence - self._first",
        replacement="place = min(position.sequence - self._first, len(self._run) - 1)",
        caught_by=(
            "tests/delivery/test_live_stream.py::test_a_position_is_covered_if_all_that_follows_is_in_the_run",
        ),
    ),
    PlantedBug(
        name="trim-shifts-the-run",
        breaks="After a stream has dropped its oldest events, every position is off by one.",
        file=f"{DELIVERY}/live_stream.py",
        original="self._first += count",
        replacement="self._first += count - (count > 0)",
        caught_by=("tests/delivery/test_live_stream.py::test_a_full_run_drops_its_oldest_half",),
    ),
    PlantedBug(
        name="batch-too-long",
        breaks="A batch has one event more than its limit.",
        file=f"{DELIVERY}/live_stream.py",
        original="end = start + self._batch_length",
        replacement="end = start + self._batch_length + 1",
        caught_by=("tests/delivery/test_live_stream.py::test_an_entry_is_judged_by_the_run",),
    ),
    PlantedBug(
        name="batch-moves-one-too-far",
        breaks="After a batch, the next event is left out.",
        file=f"{DELIVERY}/live_stream.py",
        original="sequence + len(items)",
        replacement="sequence + len(items) + (len(items) > 1)",
        caught_by=(
            "tests/delivery/test_live_stream.py::test_everybody_at_the_same_place_is_given_the_same_portion",
        ),
    ),
    PlantedBug(
        name="batch-is-always-the-last",
        breaks="Whoever lags gets one batch, and the rest with the next event.",
        file=f"{DELIVERY}/live_stream.py",
        original="end >= len(self._run)",
        replacement="True",
        caught_by=("tests/delivery/test_live_stream.py::test_an_entry_is_judged_by_the_run",),
    ),
    PlantedBug(
        name="batch-shared-by-other-positions",
        breaks="Subscribers at different positions get one batch: events are doubled or left out.",
        file=f"{DELIVERY}/live_stream.py",
        original="batch = self._batches.get(sequence)",
        replacement="batch = next(iter(self._batches.values()), None)",
        caught_by=(
            "tests/delivery/test_live_stream.py::test_everybody_at_the_same_place_is_given_the_same_portion",
        ),
    ),
    PlantedBug(
        name="stale-batch",
        breaks="A batch is cached although events were appended.",
        file=f"{DELIVERY}/live_stream.py",
        original="self._is_traced = True\n        self._batches.clear()",
        replacement="self._is_traced = True",
        caught_by=(
            "tests/delivery/test_live_stream.py::test_a_batch_is_kept_until_the_run_changes_or_it_is_clear_cache",
        ),
    ),
    PlantedBug(
        name="early-entry-lost",
        breaks="The first doorbell that came while an inbox was being opened is forgotten.",
        file=f"{DELIVERY}/live_stream.py",
        original="for entry in early}",
        replacement="for entry in early[1:]}",
        caught_by=(
            "tests/delivery/test_live_stream.py::test_the_anchor_shows_when_early_entries_do_not_join",
        ),
    ),
    PlantedBug(
        name="encoding-cached-for-all",
        breaks="Everybody gets what was encoded for the first subscriber, whatever they have selected.",
        file=f"{DELIVERY}/batch.py",
        original="if self._key == key:",
        replacement="if self._key is not None:",
        caught_by=("tests/delivery/test_batch.py::test_what_is_made_is_made_once_for_each_key",),
    ),
    PlantedBug(
        name="page-counts-once",
        breaks="A subscriber that reads the log moves to the end of the first batch: events come twice.",
        file=f"{DELIVERY}/subscription.py",
        original="self.position = page[-1].position",
        replacement="self.position = page[0].position",
        caught_by=(
            "tests/delivery/test_hub_resumption.py::test_a_page_of_several_batches_is_delivered_once",
        ),
    ),
    PlantedBug(
        name="listener-stays",
        breaks="Who has left is called for ever.",
        file=f"{DELIVERY}/subscription.py",
        original="self._open_inbox.listeners.pop(listener, None)",
        replacement="self._open_inbox.listeners.get(listener, None)",
        caught_by=(
            "tests/delivery/test_hub_resumption.py::test_a_listener_that_was_removed_is_not_called",
        ),
    ),
    PlantedBug(
        name="restart-wakes-nobody",
        breaks="A reset waits for the next event.",
        file=f"{DELIVERY}/open_inbox.py",
        original="self.stream.anchor(position)\n        self.wake()",
        replacement="self.stream.anchor(position)",
        caught_by=(
            "tests/delivery/test_hub.py::test_a_doorbell_of_the_new_epoch_resets_a_restored_inbox_at_once",
        ),
    ),
    PlantedBug(
        name="layer-never-tried-again",
        breaks="After one failure of the channel layer, a process rings no more.",
        file=f"{DELIVERY}/publishing.py",
        original="time.monotonic() + self._retry_seconds",
        replacement="float('inf')",
        caught_by=(
            "tests/delivery/test_doorbell.py::test_the_layer_is_tried_again_and_its_return_is_logged",
        ),
    ),
    PlantedBug(
        name="one-host-for-all",
        breaks="While one of several Redis hosts is away, a process rings at none of them.",
        file=f"{DELIVERY}/publishing.py",
        original="return None if layer is None else self._host_of(layer, group)",
        replacement="return None",
        caught_by=(
            "tests/delivery/test_doorbell.py::test_a_host_that_is_away_keeps_nothing_from_the_others",
        ),
    ),
    PlantedBug(
        name="newer-kinds-unreadable",
        breaks="While servers are upgraded, an event of a kind that only the new ones know is a gap at the old ones.",
        file="backend/live_inbox/events.py",
        original="        if given.kind in _KNOWN:\n            raise\n",
        replacement="        raise\n",
        caught_by=(
            "tests/domain/test_events.py::test_an_event_of_a_newer_version_that_has_a_notification_is_a_change_of_it",
        ),
    ),
    PlantedBug(
        name="newer-doorbells-refused",
        breaks="While servers are upgraded, the old ones refuse the doorbells of the new ones.",
        file=f"{DELIVERY}/doorbell_message.py",
        original="since <= VERSION",
        replacement="version == VERSION",
        caught_by=(
            "tests/delivery/test_doorbell_message.py::test_a_later_version_says_who_can_read_it",
        ),
    ),
)
