"""Bugs in the services: what is committed, counted, recorded and refused."""

from tests.planted.planted_bug import PlantedBug

SERVICES = "backend/live_inbox/services"
ONE_STATEMENT = "tests/domain/test_one_statement.py"

BUGS = (
    PlantedBug(
        name="bulk-change-of-what-came-later",
        breaks="A bulk change up to a position changes what the user has not seen.",
        file=f"{SERVICES}/bulk_changes.py",
        original="newest is None or row.arrival <= newest.sequence",
        replacement="newest is None or row.arrival <= newest.sequence + 1",
        caught_by=(
            "tests/domain/test_bulk_changes.py::test_what_came_after_a_position_stays_as_it_is",
        ),
    ),
    PlantedBug(
        name="undone-by-anybody",
        breaks="Whoever has the token of another user's change undoes a change.",
        file=f"{SERVICES}/undo_steps.py",
        original="filter(inbox=user_id, token_digest=digest_of(token))",
        replacement="filter(token_digest=digest_of(token))",
        caught_by=("tests/domain/test_bulk_changes.py::test_a_token_is_of_its_user_and_good_once",),
    ),
    PlantedBug(
        name="answered-then-rolled-back",
        breaks="A send is answered with success, and its transaction rolled back.",
        file=f"{SERVICES}/sending.py",
        original="notification._state.adding = False",
        replacement="notification._state.adding = database.connection().set_rollback(True)",
        caught_by=("tests/domain/test_send.py::test_a_notification_is_stored_logged_and_rung",),
    ),
    PlantedBug(
        name="mark-read-sometimes-unrecorded",
        breaks="Every fifth change of an inbox, if it is a read or an unread, leaves no event.",
        file=f"{SERVICES}/changing.py",
        original="record([event])\n    return changed_result",
        replacement="if event.sequence % 5:\n            record([event])\n    return changed_result",
        caught_by=(
            "tests/both_apis/test_what_is_sent.py::test_every_live_event_is_what_was_committed",
        ),
    ),
    PlantedBug(
        name="expiry-without-an-event",
        breaks="What has expired stays on every open device.",
        file="backend/live_inbox/maintenance/expiry.py",
        original="record(remove(inboxes, rows, Kind.EXPIRED, now))",
        replacement="remove(inboxes, rows, Kind.EXPIRED, now) and record([])",
        caught_by=(
            "tests/domain/test_expiry.py::test_what_has_come_to_its_end_disappears_with_an_event",
        ),
    ),
    PlantedBug(
        name="removed-still-counted",
        breaks="What was deleted or has expired stays in the counts.",
        file=f"{SERVICES}/removing.py",
        original="advance(inbox, NONE.minus(counts_of(row, inbox.seen_through)))",
        replacement="advance(inbox, NONE)",
        caught_by=(
            "tests/domain/test_expiry.py::test_what_has_come_to_its_end_disappears_with_an_event",
            "tests/domain/test_marking.py::test_a_notification_is_deleted",
        ),
    ),
    PlantedBug(
        name="folded-left-behind",
        breaks="What is folded under a notification stays, hidden, when that is deleted.",
        file=f"{SERVICES}/deleting.py",
        original="members_of([notification])",
        replacement="members_of([])",
        caught_by=(
            "tests/domain/test_grouping.py::test_what_is_folded_is_deleted_with_its_row_and_restored_with_it",
        ),
    ),
    PlantedBug(
        name="group-lost-with-its-row",
        breaks="A group is hidden when its row expires or is recalled.",
        file=f"{SERVICES}/removing.py",
        original="if kind is not Kind.DELETED:",
        replacement="if kind is Kind.DELETED:",
        caught_by=(
            "tests/domain/test_grouping.py::test_the_one_before_takes_the_place_of_what_is_taken_back",
        ),
    ),
    PlantedBug(
        name="expires-a-moment-late",
        breaks="What expires at this moment is left until a later run.",
        file="backend/live_inbox/maintenance/due.py",
        original='{f"{field}__lte": horizon}',
        replacement='{f"{field}__lt": horizon}',
        caught_by=("tests/domain/test_expiry.py::test_the_end_is_part_of_what_a_key_stands_for",),
    ),
    PlantedBug(
        name="marks-keep-content",
        breaks="The events that marked a notification keep its content when it is deleted.",
        file=f"{SERVICES}/erasing.py",
        original="AND NOT (kind IN ({others})))",
        replacement="AND NOT (kind IN ({others})) AND FALSE)",
        caught_by=(
            "tests/domain/test_erasing.py::test_no_table_keeps_the_content_of_what_is_gone",
        ),
    ),
    PlantedBug(
        name="stream-keeps-content",
        breaks="A device that resumes from memory gets the content of what was deleted.",
        file="backend/live_inbox/delivery/live_stream.py",
        original="self._removed.update(entry.removes)",
        replacement="pass",
        caught_by=(
            "tests/both_apis/test_erased_content.py::test_a_device_that_resumes_gets_the_numbers_alone",
        ),
    ),
    PlantedBug(
        name="unread-goes-first",
        breaks="A full inbox loses its oldest unread notification.",
        file=f"{SERVICES}/inbox_quota.py",
        original="    (READ, Folder.INBOX),\n",
        replacement="",
        caught_by=(
            "tests/domain/test_quotas.py::test_a_full_inbox_loses_its_oldest_read_notification",
        ),
    ),
    PlantedBug(
        name="unread-not-counted",
        breaks="What is marked as unread is not counted as such.",
        file=f"{SERVICES}/changing.py",
        original="advance(inbox, after.minus(before))",
        replacement="advance(inbox, after.minus(before)._replace(unread=min(0, after.unread - before.unread)))",
        caught_by=("tests/domain/test_marking.py::test_a_notification_is_marked_unread_again",),
    ),
    PlantedBug(
        name="marks-one-too-few",
        breaks="`markAllRead(upTo:)` leaves the newest notification that the user sees unread.",
        file=f"{SERVICES}/marking.py",
        original="filter(at__lte=up_to.sequence)",
        replacement="filter(at__lt=up_to.sequence)",
        caught_by=(
            "tests/domain/test_marking.py::test_what_arrives_after_the_position_stays_unread",
        ),
    ),
    PlantedBug(
        name="through-the-oldest",
        breaks="AllNotificationsRead names the oldest notification that became read, not the newest.",
        file=f"{SERVICES}/marking.py",
        original="through_rank = newest.values_list(rank(), flat=True).first()",
        replacement="through_rank = newest.values_list(rank(), flat=True).last()",
        caught_by=("tests/domain/test_marking.py::test_all_are_marked_read_by_one_event",),
    ),
    PlantedBug(
        name="copies-swapped",
        breaks="The recipients of a bulk get events with the id of another one's notification.",
        file=f"{SERVICES}/bulk_insert.py",
        original="return [ids[key] for key in keys]",
        replacement="return [ids[key] for key in reversed(keys)]",
        caught_by=(
            "tests/domain/test_sql_rows.py::test_the_copies_of_a_bulk_have_ids_of_their_own_inboxes",
        ),
    ),
    PlantedBug(
        name="idempotency-key-ignored",
        breaks="A send that is repeated with its key is sent twice.",
        file=f"{SERVICES}/sending.py",
        original="{order.recipient_id: order.key}",
        replacement="{order.recipient_id: None}",
        caught_by=("tests/domain/test_send.py::test_a_key_that_was_seen_returns_the_first_result",),
    ),
    PlantedBug(
        name="idempotency-key-of-other-content",
        breaks="A key that was used for another notification is no conflict: nothing is sent, and success is answered.",
        file=f"{SERVICES}/sending.py",
        original="is_same = Content.of(first) == content_for(recipient_id, given)",
        replacement="is_same = True",
        caught_by=(
            "tests/domain/test_send.py::test_a_key_that_was_used_for_something_else_is_a_conflict",
        ),
    ),
    PlantedBug(
        name="idempotency-key-of-everybody",
        breaks="A key that another sender has used counts.",
        file=f"{SERVICES}/sending.py",
        original="filter(sender=sender_id, idempotency_key=key)",
        replacement="filter(idempotency_key=key)",
        caught_by=("tests/domain/test_send.py::test_a_key_belongs_to_its_sender",),
    ),
    PlantedBug(
        name="bulk-key-of-every-recipient",
        breaks="All recipients of a bulk have one key: the second fails or is left out.",
        file=f"{SERVICES}/bulk_keys.py",
        original='f"{bulk_key}\\n{recipient_id}"',
        replacement='f"{bulk_key}"',
        caught_by=(
            "tests/domain/test_bulk_idempotency.py::test_a_repeated_bulk_reaches_nobody_twice",
        ),
    ),
    PlantedBug(
        name="preferences-ignored",
        breaks="Users get notifications of types that they have turned off.",
        file=f"{SERVICES}/inserting.py",
        original="if_wanted=None if declared.is_required else type",
        replacement="if_wanted=None",
        caught_by=("tests/domain/test_send.py::test_a_type_that_was_turned_off_is_not_delivered",),
    ),
    PlantedBug(
        name="required-types-turned-off",
        breaks="A required type does not reach a user who had turned it off.",
        file=f"{SERVICES}/inserting.py",
        original="if_wanted=None if declared.is_required else type",
        replacement="if_wanted=type",
        caught_by=(
            "tests/domain/test_send.py::test_a_required_type_is_delivered_whatever_was_said_before_it_was_required",
        ),
    ),
    PlantedBug(
        name="off-by-default-delivered",
        breaks="Users who have chosen nothing get types that are off by default.",
        file=f"{SERVICES}/inbox_rows.py",
        original="_NOT_OFF if is_on else _ON",
        replacement="_NOT_OFF",
        caught_by=(
            "tests/domain/test_preferences.py::test_a_type_that_is_off_by_default_reaches_those_who_have_turned_it_on",
        ),
    ),
    PlantedBug(
        name="other-channel-turns-off-the-inbox",
        breaks="Users who want no mail about a type do not get it in the inbox either.",
        file=f"{SERVICES}/inbox_rows.py",
        original="AND preference.channel = '{IN_APP}' AND",
        replacement="AND",
        caught_by=(
            "tests/domain/test_channels.py::test_what_is_chosen_on_another_channel_does_not_change_the_inbox",
        ),
    ),
    PlantedBug(
        name="text-of-another-language",
        breaks="Of a bulk in several languages, everybody gets the text of the first.",
        file=f"{SERVICES}/bulk_insert.py",
        original=" WHEN {place} THEN %s",
        replacement=" WHEN {len(of_drafts) - 1 - place} THEN %s",
        caught_by=("tests/domain/test_templates.py::test_a_bulk_is_rendered_for_each_recipient",),
    ),
    PlantedBug(
        name="context-not-compared",
        breaks="A key that was used with another context returns the notification of the first.",
        file=f"{SERVICES}/given_content.py",
        original='context = plain_json(self.context, field="context")',
        replacement="context = None",
        caught_by=(
            "tests/domain/test_templates.py::test_a_repeated_send_is_recognised_by_what_was_given",
        ),
    ),
    PlantedBug(
        name="retention-over-the-expiry",
        breaks="The retention of a type takes the place of the expiry that a send was given.",
        file=f"{SERVICES}/given_content.py",
        original="elif days is not None and wait is None:",
        replacement="elif days is not None:",
        caught_by=("tests/domain/test_templates.py::test_a_type_is_deleted_after_its_retention",),
    ),
    PlantedBug(
        name="suppressed-counts-as-sent",
        breaks="A bulk says `sent` of a recipient who has turned the type off.",
        file=f"{SERVICES}/bulk_for_caller.py",
        original="RecipientResult(name, SendStatus.SUPPRESSED)",
        replacement="RecipientResult(name, SendStatus.SENT)",
        caught_by=(
            "tests/domain/test_bulk_for_caller.py::test_each_recipient_has_a_result_in_their_order",
        ),
    ),
    PlantedBug(
        name="log-drops-every-50th",
        breaks="Every 50th event of an inbox is not written into the log.",
        file=f"{SERVICES}/event_recording.py",
        original="for event, payload in zip(events, payloads, strict=True)\n        ),",
        replacement="for event, payload in zip(events, payloads, strict=True) if event.sequence % 50\n        ),",
        caught_by=("tests/domain/test_feed.py::test_a_feed_resumes_after_a_position",),
    ),
    PlantedBug(
        name="sequence-skipped",
        breaks="A bulk takes two sequences for one event: a hole in the log.",
        file=f"{SERVICES}/inbox_rows.py",
        original='last_sequence = {table}.last_sequence + 1,"',
        replacement='last_sequence = {table}.last_sequence + 2,"',
        caught_by=(
            "tests/domain/test_send.py::test_the_events_of_an_inbox_are_numbered_from_one_in_one_epoch",
        ),
    ),
    PlantedBug(
        name="signals-before-the-commit",
        breaks="Signals are sent for what may be rolled back.",
        file=f"{SERVICES}/event_recording.py",
        original="transaction.on_commit(lambda: send_signals(events), using=using, robust=True)",
        replacement="send_signals(events)",
        caught_by=("tests/domain/test_signals.py::test_signals_wait_for_the_outermost_commit",),
    ),
    PlantedBug(
        name="bulk-record-not-advanced",
        breaks="A bulk send does not record its chunks: a repeated call sends to whoever has deleted the notification.",
        file=f"{SERVICES}/bulk_sending.py",
        original="        bulk.record.write(id, outcomes_of(free, had, sent))",
        replacement="        pass",
        caught_by=(
            "tests/domain/test_bulk_record.py::test_who_has_deleted_it_does_not_get_it_again",
        ),
    ),
    PlantedBug(
        name="bulk-record-after-the-transaction",
        breaks="A chunk is recorded after its commit: after a crash in between, its recipients are unknown.",
        file=f"{SERVICES}/bulk_sending.py",
        original="        bulk.record.write(id, outcomes_of(free, had, sent))",
        replacement="""        record = bulk.record
        database.connection().on_commit(
            lambda: record.write(id, outcomes_of(free, had, sent))
        )""",
        caught_by=("tests/domain/test_bulk_crashes.py::test_one_crash_at_each_step",),
    ),
    PlantedBug(
        name="bulk-waits-for-one-lock",
        breaks="A bulk send that waits for a locked inbox holds up the owners of all others of its chunk.",
        file=f"{SERVICES}/bulk_sending.py",
        original="set() if may_wait else lock_free(recipients)",
        replacement="set()",
        caught_by=(
            "tests/domain/test_bulk_locked.py::test_those_who_are_not_locked_come_first_and_are_free_again",
        ),
        stack="production",
    ),
    PlantedBug(
        name="bulk-content-not-compared",
        breaks="A bulk send with the key of another one sends its content to the rest of the recipients.",
        file=f"{SERVICES}/bulk_record.py",
        original="if digest != self._digest:",
        replacement="if not digest:",
        caught_by=(
            "tests/domain/test_bulk_record.py::test_other_content_is_a_conflict_though_all_have_deleted_it",
        ),
    ),
    PlantedBug(
        name="bulk-ignores-who-overtakes-it",
        breaks="A bulk send deals again with those whom a concurrent call with its key has dealt with meanwhile.",
        file=f"{SERVICES}/bulk_call.py",
        original="known = {} if self.record is None else self.record.outcomes",
        replacement="known = {}",
        caught_by=(
            "tests/domain/test_bulk_record.py::test_a_call_that_another_overtakes_reads_what_it_did",
        ),
    ),
    PlantedBug(
        name="mark-of-an-inbox-that-moved-on",
        breaks="A mark overwrites the counts and the sequence of what others have changed since it read the inbox.",
        file="backend/live_inbox/services/one_statement.py",
        original="AND last_sequence = %s AND fingerprint = %s",
        replacement="AND last_sequence >= %s AND fingerprint > -1 - %s",
        caught_by=(
            f"{ONE_STATEMENT}::test_an_inbox_that_has_changed_since_it_was_read_is_not_written",
        ),
        stack="production",
    ),
    PlantedBug(
        name="time-before-the-lock",
        breaks="What has waited for a lock is older than what it has waited for.",
        file="backend/live_inbox/services/one_statement.py",
        original='return "clock_timestamp()" if',
        replacement='return "statement_timestamp()" if',
        caught_by=(
            f"{ONE_STATEMENT}::TestWhileOthersWrite::test_times_are_in_the_order_of_sequences",
        ),
        stack="production",
    ),
    PlantedBug(
        name="log-in-another-time-zone",
        breaks="Who resumes sees other times than who was there.",
        file="backend/live_inbox/services/one_statement.py",
        original="AT TIME ZONE 'UTC'",
        replacement="AT TIME ZONE 'Asia/Tokyo'",
        caught_by=(f"{ONE_STATEMENT}::test_devices_get_what_the_log_has",),
        stack="production",
    ),
)
