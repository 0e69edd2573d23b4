"""Bugs in what keeps deleted content, secrets and forgeries away."""

from tests.planted.planted_bug import PlantedBug

SERVICES = "backend/live_inbox/services"

BUGS = (
    PlantedBug(
        name="expired-content-stays",
        breaks="The content of notifications that have expired, or that a full inbox has lost, stays in the log.",
        file=f"{SERVICES}/removing.py",
        original="    erase([Gone(row.user_id, row.id, row.added_sequence) for row in rows])\n",
        replacement="",
        caught_by=(
            "tests/domain/test_erasing.py::test_a_batch_that_expires_is_erased_in_every_inbox",
        ),
    ),
    PlantedBug(
        name="deleted-content-stays",
        breaks="The content of notifications that were deleted stays in the log.",
        file=f"{SERVICES}/deleting.py",
        original="    erase([Gone(inbox.pk, notification.pk, notification.added_sequence)])\n",
        replacement="",
        caught_by=(
            "tests/domain/test_erasing.py::test_no_table_keeps_the_content_of_what_is_gone",
        ),
    ),
    PlantedBug(
        name="marked-content-stays",
        breaks="The content of a deleted notification stays in the events of its marks.",
        file=f"{SERVICES}/erasing.py",
        original="MARKS = (Kind.READ, Kind.UNREAD)",
        replacement="MARKS = (Kind.UNREAD,)",
        caught_by=(
            "tests/domain/test_erasing.py::test_no_table_keeps_the_content_of_what_is_gone",
        ),
    ),
    PlantedBug(
        name="cookies-in-logs",
        breaks="Logs have cookies.",
        file="backend/live_inbox/redaction.py",
        original="((?:authorization|cookie|x-session-token|",
        replacement="((?:authorization|x-session-token|",
        caught_by=("tests/test_log_redaction.py::test_secrets_are_found_however_they_are_written",),
    ),
    PlantedBug(
        name="tickets-in-logs",
        breaks="Logs have tickets.",
        file="backend/live_inbox/redaction.py",
        original="((?:token|ticket|password",
        replacement="((?:token|password",
        caught_by=("tests/test_log_redaction.py::test_secrets_are_found_however_they_are_written",),
    ),
    PlantedBug(
        name="settings-in-logs",
        breaks="Logs have the secrets of the settings.",
        file="backend/live_inbox/redaction.py",
        original="    for secret in known_secrets():\n",
        replacement="    for secret in known_secrets()[:0]:\n",
        caught_by=("tests/test_log_redaction.py::test_the_secrets_of_the_settings_are_known",),
    ),
    PlantedBug(
        name="secrets-in-tracebacks",
        breaks="Logs have the secrets of tracebacks.",
        file="backend/live_inbox/log_redaction.py",
        original="            _redact_traceback(record)\n",
        replacement="",
        caught_by=("tests/test_log_redaction.py::test_tracebacks_are_redacted",),
    ),
    PlantedBug(
        name="parameters-in-logs",
        breaks="Logs have the parameters of statements, keys of sessions among them.",
        file="backend/live_inbox/log_redaction.py",
        original="        _redact_statement(record)\n",
        replacement="        pass\n",
        caught_by=(
            "tests/test_log_redaction.py::test_statements_are_logged_without_their_parameters",
        ),
    ),
    PlantedBug(
        name="doorbells-forged",
        breaks="Whoever can publish on Redis shows events that were never committed.",
        file="backend/live_inbox/delivery/doorbell_message.py",
        original="if compare_digest(_mac(key, body), mac):",
        replacement="if len(_mac(key, body)) == len(mac):",
        caught_by=(
            "tests/delivery/test_forged_doorbells.py::test_a_changed_copy_of_a_real_event_is_refused",
        ),
    ),
    PlantedBug(
        name="doorbells-repeated",
        breaks="Whoever has recorded the doorbell of a change of an account publishes it again and again.",
        file="backend/live_inbox/delivery/replay_guard.py",
        original="        if message_id in self._seen:\n            return False\n",
        replacement="",
        caught_by=("tests/delivery/test_replay_guard.py::test_a_message_is_accepted_once",),
    ),
    PlantedBug(
        name="titles-in-many-lines",
        breaks="A title has several lines.",
        file="backend/live_inbox/content.py",
        original='text = one_line(_clean_text("title", value, TITLE_LENGTH))',
        replacement='text = _clean_text("title", value, TITLE_LENGTH)',
        caught_by=("tests/domain/test_content.py::test_a_title_is_one_line",),
    ),
    PlantedBug(
        name="direction-overridden",
        breaks="A title reads as another one by an override of direction.",
        file="backend/live_inbox/text_controls.py",
        original='_OVERRIDES = re.compile("[\\\\u202d\\\\u202e]")',
        replacement='_OVERRIDES = re.compile("[\\\\u202d]")',
        caught_by=("tests/domain/test_content.py::test_the_direction_of_text_is_not_overridden",),
    ),
)
