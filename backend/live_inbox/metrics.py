"""Every metric of the product, in one table. docs/operating.md says what each one means to the one on call."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

EVENTS_COMMITTED = Counter(
    "inbox_events_committed", "Events committed by this process, by kind.", ["kind"]
)
DOORBELLS_RUNG = Counter(
    "inbox_doorbells_rung", "Doorbell messages handed to the channel layer by this process."
)
DOORBELLS_DROPPED = Counter(
    "inbox_doorbells_dropped", "Doorbell messages not sent: layer down or too many pending."
)
DOORBELLS_HEARD = Counter(
    "inbox_doorbells_heard", "Entries that doorbells brought, by what became of them.", ["verdict"]
)
EVENTS_RECOVERED = Counter(
    "inbox_events_recovered", "Events that a live stream got from the log, not from a doorbell."
)
LOG_READS = Counter("inbox_log_reads", "Stretches of inbox logs read from the database.")
LAYER_FAULTS = Counter("inbox_layer_faults", "Failures of the channel layer.")
LOG_FAULTS = Counter("inbox_log_faults", "Failures to read the log from the database.")
DATABASE_FAULTS = Counter(
    "inbox_database_faults",
    "Requests and actions that failed because the database did not answer, by door.",
    ["door"],
)
SESSION_CHECK_FAULTS = Counter(
    "inbox_session_check_faults", "Failures to check whether open sockets are still allowed."
)
ADMISSION_FAULTS = Counter(
    "inbox_admission_faults", "Sockets turned away because it could not be learnt whose they are."
)
EVENTS_PRUNED = Counter("inbox_events_pruned", "Old events removed from logs by this process.")
NOTIFICATIONS_EXPIRED = Counter(
    "inbox_notifications_expired", "Notifications deleted by this process because their time came."
)
HOUSEKEEPING_FAULTS = Counter(
    "inbox_housekeeping_faults", "Rounds of expiry or pruning that failed."
)
OPEN_INBOXES = Gauge("inbox_open_inboxes", "Inboxes with a live stream in this process.")
SUBSCRIPTIONS = Gauge("inbox_subscriptions", "Subscribers of live streams in this process.")
SOCKETS = Gauge("inbox_sockets", "Open sockets in this process, by door.", ["door"])
SOCKETS_CLOSED = Counter(
    "inbox_sockets_closed", "Sockets closed by this server, by door and code.", ["door", "code"]
)
RESETS = Counter("inbox_resets", "Subscribers told to reload, by reason.", ["reason"])
RATE_LIMITED = Counter(
    "inbox_rate_limited", "Requests refused by a rate limit, by limit.", ["limit"]
)
