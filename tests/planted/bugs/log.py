"""Bugs in what is read from the log, and in positions."""

from tests.planted.planted_bug import PlantedBug

DELIVERY = "backend/live_inbox/delivery"
SELECTORS = "backend/live_inbox/selectors"

BUGS = (
    PlantedBug(
        name="resumes-one-too-late",
        breaks="A client that comes back misses an event.",
        file=f"{DELIVERY}/position.py",
        original='int(match["sequence"])',
        replacement='int(match["sequence"]) + 1',
        caught_by=("tests/delivery/test_position.py::test_a_position_is_printed_and_read_back",),
    ),
    PlantedBug(
        name="resumes-one-too-early",
        breaks="A client that comes back gets an event twice.",
        file=f"{DELIVERY}/subscription.py",
        original="await self._hub.read(self.inbox, self.position)",
        replacement="await self._hub.read(self.inbox, type(self.position)("
        "self.position.epoch, max(self.position.sequence - 1, 0)))",
        caught_by=(
            "tests/delivery/test_hub.py::test_a_doorbell_of_the_new_epoch_resets_a_restored_inbox_at_once",
        ),
    ),
    PlantedBug(
        name="epoch-of-a-position-ignored",
        breaks="After a restore, a client goes on in another log without a reset.",
        file=f"{DELIVERY}/log.py",
        original="if not after.is_origin and after.epoch != self.position.epoch:",
        replacement="if not after.is_origin and not after.epoch:",
        caught_by=(
            "tests/delivery/test_hub.py::test_a_doorbell_of_the_new_epoch_resets_a_restored_inbox_at_once",
        ),
    ),
    PlantedBug(
        name="one-ahead-is-resumed",
        breaks="A client that has seen one event that the log has lost is not reset.",
        file=f"{DELIVERY}/log.py",
        original="if after.sequence > self.position.sequence:",
        replacement="if after.sequence > self.position.sequence + 1:",
        caught_by=("tests/delivery/test_hub.py::test_a_position_beyond_the_end_is_ahead",),
    ),
    PlantedBug(
        name="open-stream-of-an-earlier-epoch",
        breaks="Clients with open sockets are not reset when the log is replaced by another one.",
        file=f"{DELIVERY}/log_reader.py",
        original="if known.epoch != now.epoch or known.sequence > now.sequence:",
        replacement="if known.sequence > now.sequence:",
        caught_by=(
            "tests/delivery/test_hub_resumption.py::test_another_log_of_about_the_same_length_resets_open_subscribers",
        ),
    ),
    PlantedBug(
        name="hole-is-passed-over",
        breaks="A hole in the log is a silent gap.",
        file=f"{DELIVERY}/log_reader.py",
        original="if entry.sequence != sequence or entry.epoch != epoch:",
        replacement="if entry.epoch != epoch:",
        caught_by=(
            "tests/delivery/test_hub.py::test_who_comes_without_a_position_begins_behind_what_is_lost",
        ),
    ),
    PlantedBug(
        name="failed-read-is-forgotten",
        breaks="Whoever waited for the log when the database failed waits for ever.",
        file=f"{DELIVERY}/log_reader.py",
        original="self._reads += [read for read in reads if not read.answer.done()]",
        replacement="self._reads += []",
        caught_by=(
            "tests/delivery/test_hub_resumption.py::test_who_reads_an_open_inbox_while_the_log_fails_gets_everything_when_it_is_back",
        ),
    ),
    PlantedBug(
        name="filled-stream-wakes-nobody",
        breaks="Events that were read from the log wait in the stream for the next doorbell.",
        file=f"{DELIVERY}/log_reader.py",
        original="metrics.EVENTS_RECOVERED.inc(recovered)\n            open_inbox.wake()",
        replacement="metrics.EVENTS_RECOVERED.inc(recovered)",
        caught_by=("tests/delivery/test_hub.py::test_a_lost_doorbell_costs_one_watch_at_most",),
    ),
    PlantedBug(
        name="page-begins-one-too-early",
        breaks="A page of the log repeats the event at the position.",
        file=f"{SELECTORS}/log.py",
        original="sequence > after AND",
        replacement="sequence >= after AND",
        caught_by=("tests/domain/test_selectors.py::test_places_that_overlap_are_read_once",),
    ),
    PlantedBug(
        name="part-begins-one-too-early",
        breaks="Of two subscribers that are read for together, one gets an event twice.",
        file=f"{SELECTORS}/log.py",
        original="start = bisect_right(run, after, key=_sequence)",
        replacement="start = max(bisect_right(run, after, key=_sequence) - 1, 0)",
        caught_by=("tests/domain/test_selectors.py::test_the_events_after_places",),
    ),
    PlantedBug(
        name="page-is-one-short",
        breaks="The last event of a page is left out.",
        file=f"{SELECTORS}/log.py",
        original="sequence <= through",
        replacement="sequence < through",
        caught_by=("tests/domain/test_selectors.py::test_places_that_overlap_are_read_once",),
    ),
    PlantedBug(
        name="overlapping-ranges-lose-the-first",
        breaks="Of two overlapping parts of a log, the beginning of the first is not read.",
        file=f"{SELECTORS}/log.py",
        original="start = merged.pop()[1]",
        replacement="merged.pop()",
        caught_by=("tests/domain/test_selectors.py::test_the_events_after_places",),
    ),
    PlantedBug(
        name="payload-of-another-event",
        breaks="Events that are read from the log together have the content of the first.",
        file=f"{SELECTORS}/log.py",
        original="payload=payload,",
        replacement="payload=rows[0][-1],  # type: ignore[index]",
        caught_by=(
            "tests/both_apis/test_what_is_sent.py::test_every_live_event_is_what_was_committed",
        ),
    ),
    PlantedBug(
        name="pruned-one-too-many",
        breaks="Pruning by age removes an event that is young enough.",
        file="backend/live_inbox/maintenance/pruning.py",
        original="cut[user_id] = sequence + 1",
        replacement="cut[user_id] = sequence + 2",
        caught_by=(
            "tests/domain/test_pruning.py::test_events_that_are_too_old_are_removed_and_others_kept",
        ),
    ),
    PlantedBug(
        name="one-event-too-many-is-kept",
        breaks="Pruning by count leaves a log that is too long by one event.",
        file="backend/live_inbox/maintenance/pruning.py",
        original='F("first_sequence") + keep',
        replacement='F("first_sequence") + keep + 1',
        caught_by=("tests/domain/test_pruning.py::test_age_and_number_together",),
    ),
)
