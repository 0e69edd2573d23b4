"""All Prometheus metrics, in one table. docs/operating.md says how to read each one."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

EVENTS_COMMITTED = Counter(
    "inbox_events_committed", "Events committed by this process, by kind.", ["kind"]
)
DOORBELLS_SENT = Counter(
    "inbox_doorbells_sent", "Doorbell messages that this process sent to the channel layer."
)
DOORBELLS_DROPPED = Counter(
    "inbox_doorbells_dropped",
    "Doorbell messages not sent: the layer was down or too many were pending.",
)
DOORBELLS_RECEIVED = Counter(
    "inbox_doorbells_received",
    "Events that doorbell messages delivered, by what the live stream did with them.",
    ["outcome"],
)
DOORBELLS_REFUSED = Counter(
    "inbox_doorbells_refused",
    "Messages of the channel layer that are no doorbells of this site, by reason.",
    ["reason"],
)
DOORBELLS_UNREADABLE = Counter(
    "inbox_doorbells_unreadable",
    "Events of doorbells that this version cannot read. The log was read instead.",
)
CONTRADICTIONS = Counter(
    "inbox_contradictions",
    "Doorbells that contradicted a live stream, by which of both the log contradicts.",
    ["wrong"],
)
EVENTS_RECOVERED = Counter(
    "inbox_events_recovered",
    "Events that live streams read from the log because no doorbell delivered them.",
)
LOG_READS = Counter("inbox_log_reads", "Ranges of inbox logs read from the database.")
LAYER_FAULTS = Counter("inbox_layer_faults", "Failures of the channel layer.")
LOG_FAULTS = Counter("inbox_log_faults", "Failures to read the log from the database.")
DATABASE_FAULTS = Counter(
    "inbox_database_faults",
    "Requests and actions that failed because the database did not answer, by API.",
    ["api"],
)
DATABASE_DEADLINES = Counter(
    "inbox_database_deadlines",
    "Database calls that did not end within the deadline of their lane.",
    ["lane"],
)
SESSION_CHECK_FAULTS = Counter(
    "inbox_session_check_faults", "Failures to check whether open sockets are still allowed."
)
ADMISSION_FAULTS = Counter(
    "inbox_admission_faults", "Sockets refused because authentication failed with a server error."
)
EVENTS_PRUNED = Counter("inbox_events_pruned", "Old events removed from logs by this process.")
BULK_SENDS_PRUNED = Counter(
    "inbox_bulk_sends_pruned", "Records of old bulk sends that this process removed."
)
NOTIFICATIONS_EXPIRED = Counter(
    "inbox_notifications_expired", "Notifications that this process deleted after their expiry."
)
NOTIFICATIONS_EVICTED = Counter(
    "inbox_notifications_evicted", "Notifications that this process deleted from full inboxes."
)
HOUSEKEEPING_FAULTS = Counter("inbox_housekeeping_faults", "Runs of expiry or pruning that failed.")
SENDER_NAME_FAULTS = Counter(
    "inbox_sender_name_faults", "Failures of the project's function SENDER_NAME."
)
TARGET_LINK_FAULTS = Counter(
    "inbox_target_link_faults", "Failures of the project's code that TARGET_LINKS names."
)
OPEN_INBOXES = Gauge("inbox_open_inboxes", "Inboxes with a live stream in this process.")
SUBSCRIPTIONS = Gauge("inbox_subscriptions", "Subscribers of live streams in this process.")
SOCKETS = Gauge("inbox_sockets", "Open sockets in this process, by API.", ["api"])
SOCKETS_CLOSED = Counter(
    "inbox_sockets_closed",
    "Sockets that this server closed, by API and close code.",
    ["api", "code"],
)
CONNECTIONS_REFUSED = Counter(
    "inbox_connections_refused",
    "Connections that the server ended for what their client sent or did not send, by reason.",
    ["reason"],
)
CONNECTIONS_NOT_ACCEPTED = Counter(
    "inbox_connections_not_accepted",
    "Connections that were refused because too many files are open in this process.",
)
RATE_STORAGE_FAULTS = Counter(
    "inbox_rate_storage_faults",
    "Failures of the storage of rates. Each process counted for itself then.",
)
RESETS = Counter("inbox_resets", "Resets sent to subscribers, by reason.", ["reason"])
RATE_LIMITED = Counter(
    "inbox_rate_limited", "Requests refused by a rate limit, by limit.", ["limit"]
)
REQUESTS_DELAYED = Counter(
    "inbox_requests_delayed", "HTTP requests that waited because their address sends too many."
)
