"""All Prometheus metrics, in one table. docs/operating/metrics.md says how to read each one.

Where several processes share one scrape, gauges are the sums of those that run (`livesum`). What every process reads
from the database is what the last one has read (`livemostrecent`).
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

BUILD = Gauge(
    "inbox_build_info",
    "1: the versions that this process runs.",
    ["version", "commit", "python", "django"],
    multiprocess_mode="livemax",
)
SENDS = Counter(
    "inbox_sends",
    "Notifications that this process was asked to send, one for each recipient, by type and result.",
    ["type", "result"],
)
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
WEBHOOK_DELIVERIES = Counter(
    "inbox_webhook_deliveries",
    "Actions that this process has delivered to the webhook, or has given up, by result.",
    ["result"],
)
WEBHOOK_FAULTS = Counter("inbox_webhook_faults", "Requests to the webhook of actions that failed.")
SENDER_NAME_FAULTS = Counter(
    "inbox_sender_name_faults", "Failures of the project's function SENDER_NAME."
)
TARGET_LINK_FAULTS = Counter(
    "inbox_target_link_faults", "Failures of the project's code that TARGET_LINKS names."
)
DELIVERY_SECONDS = Histogram(
    "inbox_delivery_seconds",
    "From the change, by the database's clock, until the sockets of this process have its event, by source.",
    ["source"],
    buckets=_SECONDS,
)
REPLAY_EVENTS = Histogram(
    "inbox_replay_events",
    "Events of one page that a subscriber read from the log.",
    buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500, 1000),
)
RECONCILIATIONS = Counter(
    "inbox_reconciliations",
    "Comparisons of all live streams with the log, by whether they found events.",
    ["result"],
)
LAYER_PUBLISH_SECONDS = Histogram(
    "inbox_layer_publish_seconds",
    "How long publishing one doorbell message took, if it succeeded.",
    buckets=(0.0001, 0.00025, 0.0005, *_SECONDS[:11]),
)
DATABASE_QUEUE = Gauge(
    "inbox_database_queue",
    "Database calls that wait for a thread, by lane.",
    ["lane"],
    multiprocess_mode="livesum",
)
DATABASE_WAIT_SECONDS = Histogram(
    "inbox_database_wait_seconds",
    "How long database calls waited for a thread, by lane. Of one call in eight.",
    ["lane"],
    buckets=(0.0001, 0.0005, *_SECONDS),
)
DATABASE_CALL_SECONDS = Histogram(
    "inbox_database_call_seconds",
    "How long database calls took in their thread, by lane. Of one call in eight.",
    ["lane"],
    buckets=(0.0005, *_SECONDS),
)
DATABASE_STATEMENT_SECONDS = Histogram(
    "inbox_database_statement_seconds",
    "How long statements took in the database of the inbox, by statement. Of one in eight.",
    ["statement"],
    buckets=(0.0005, 0.001, 0.0025, 0.01, 0.05, 0.25, 1.0, 5.0, 30.0),
)
HOUSEKEEPING_RUNS = Counter(
    "inbox_housekeeping_runs", "Runs of housekeeping, by task and result.", ["task", "result"]
)
CAMPAIGN_RECIPIENTS = Counter(
    "inbox_campaign_recipients",
    "Recipients whom this process has dealt with for campaigns, in transactions that were committed, by result.",
    ["result"],
)
CAMPAIGNS = Gauge(
    "inbox_campaigns",
    "Campaigns of the site that are not done, by state.",
    ["state"],
    multiprocess_mode="livemostrecent",
)
CAMPAIGN_RECIPIENTS_LEFT = Gauge(
    "inbox_campaign_recipients_left",
    "Recipients whom the campaigns that have begun have not dealt with yet.",
    multiprocess_mode="livemostrecent",
)
CAMPAIGN_PROGRESS_TIMESTAMP = Gauge(
    "inbox_campaign_progress_timestamp_seconds",
    "The last progress of the campaign that has made none for the longest time, by state. NaN without one.",
    ["state"],
    multiprocess_mode="livemostrecent",
)
OPEN_INBOXES = Gauge(
    "inbox_open_inboxes", "Inboxes with a live stream in this process.", multiprocess_mode="livesum"
)
SUBSCRIPTIONS = Gauge(
    "inbox_subscriptions",
    "Subscribers of live streams in this process.",
    multiprocess_mode="livesum",
)
SOCKETS = Gauge(
    "inbox_sockets",
    "Open sockets in this process, by API and subprotocol.",
    ["api", "subprotocol"],
    multiprocess_mode="livesum",
)
ADMISSIONS = Counter(
    "inbox_admissions",
    "Sockets whose caller was admitted or refused, by API, result and reason.",
    ["api", "result", "reason"],
)
SLOW_CLIENTS = Gauge(
    "inbox_slow_clients",
    "Connections whose client does not read what was written to it.",
    multiprocess_mode="livesum",
)
UNREAD_BYTES = Gauge(
    "inbox_unread_bytes",
    "Bytes that wait in this process for clients that do not read.",
    multiprocess_mode="livesum",
)
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
WORKERS_RESTARTED = Counter(
    "inbox_workers_restarted",
    "Workers that were started again because they had died.",
)
