"""Bugs in what is sent of an event or a notification: the two APIs, compiled and executed."""

from tests.planted.planted_bug import PlantedBug

JSON_API = "backend/live_inbox/json_api"
GRAPHQL = "graphql_schema/live_inbox_graphql"

_OF_THE_FIRST = """
        from msgspec.structs import replace
        shown = [item.notification for item in items if getattr(item, "notification", None)]
        items = [
            replace(item, notification=replace(item.notification, message=shown[0].message, data=shown[0].data))
            if getattr(item, "notification", None) else item
            for item in items
        ]"""
"""Gives every event of a batch the message and the data of the first one."""

BUGS = (
    PlantedBug(
        name="content-of-the-first-event-graphql",
        breaks="GraphQL sends the message and the data of a batch's first event for all of them.",
        file=f"{GRAPHQL}/event_senders.py",
        original="self._selection.render, self._framing.of_event\n",
        replacement=f"self._selection.render, self._framing.of_event{_OF_THE_FIRST}\n",
        caught_by=(
            "tests/both_apis/test_what_is_sent.py::test_every_live_event_is_what_was_committed",
        ),
    ),
    PlantedBug(
        name="content-of-the-first-event-types",
        breaks="A subscription that is limited by types does so, and no other.",
        file=f"{GRAPHQL}/event_senders.py",
        original="        types = self._types\n",
        replacement=f"        types = self._types{_OF_THE_FIRST}\n",
        caught_by=(
            "tests/both_apis/test_what_is_sent.py::test_every_live_event_is_what_was_committed",
        ),
    ),
    PlantedBug(
        name="content-of-the-first-event-json",
        breaks="The JSON API sends the message and the data of a batch's first event for all of them.",
        file=f"{JSON_API}/encoded_events.py",
        original="    return [_encoded(item) for item in items]",
        replacement=f"    if items:{_OF_THE_FIRST}\n    return [_encoded(item) for item in items]",
        caught_by=(
            "tests/both_apis/test_what_is_sent.py::test_every_live_event_is_what_was_committed",
        ),
    ),
    PlantedBug(
        name="content-of-the-first-event-doorbell",
        breaks="The doorbell of several events carries the content of the first for all of them.",
        file="backend/live_inbox/services/event_recording.py",
        original="encode(event, payload, traceparent=traceparent)",
        replacement="encode(event, payloads[0], traceparent=traceparent)",
        caught_by=(
            "tests/domain/test_expiry.py::test_several_of_one_inbox_get_consecutive_sequences",
        ),
    ),
    PlantedBug(
        name="content-of-the-first-event-log",
        breaks="Events that are written together have the content of the first in the log and in the doorbell.",
        file="backend/live_inbox/services/event_recording.py",
        original="[to_payload(event) for event in events]",
        replacement="[to_payload(events[0]) for event in events]",
        caught_by=(
            "tests/domain/test_expiry.py::test_several_of_one_inbox_get_consecutive_sequences",
        ),
    ),
    PlantedBug(
        name="types-not-in-the-cache-key",
        breaks="A subscription limited by types gets what was encoded for one without a limit, or the reverse.",
        file=f"{GRAPHQL}/event_senders.py",
        original="self._key = (selection, types, framing.tag)",
        replacement="self._key = selection",
        caught_by=(
            "tests/both_apis/test_what_is_sent.py::test_every_live_event_is_what_was_committed",
        ),
    ),
    PlantedBug(
        name="types-ignored-by-executed-subscriptions",
        breaks="A subscription that graphql-core executes gets events of all types.",
        file=f"{GRAPHQL}/subscriptions.py",
        original="if concerns(item, types):",
        replacement="if concerns(item, None):",
        caught_by=(
            "tests/both_apis/test_what_is_sent.py::test_every_live_event_is_what_was_committed",
        ),
    ),
    PlantedBug(
        name="conditions-not-in-the-cache-key",
        breaks="A compiled selection is shared by requests whose variables select other fields.",
        file=f"{GRAPHQL}/compiled/subscriptions.py",
        original="key = (id(executor.operation), decided)",
        replacement="key = (id(executor.operation), ())",
        caught_by=(
            "tests/graphql/test_compiled.py::TestProjections::test_the_same_document_and_conditions_have_one_projection",
        ),
    ),
    PlantedBug(
        name="compiled-position-of-the-event-before",
        breaks="A compiled subscription sends the position of the event before.",
        file=f"{GRAPHQL}/compiled/field_expressions.py",
        original='"position_text(it.epoch, it.sequence, it.fingerprint)"',
        replacement='"position_text(it.epoch, it.sequence - 1, it.fingerprint)"',
        caught_by=(
            "tests/both_apis/test_what_is_sent.py::test_every_live_event_is_what_was_committed",
        ),
    ),
    PlantedBug(
        name="position-of-the-event-before",
        breaks="An event has the position of the one before it.",
        file="backend/live_inbox/events.py",
        original="return Position(self.epoch, self.sequence, self.fingerprint)",
        replacement="return Position(self.epoch, self.sequence - 1, self.fingerprint)",
        caught_by=(
            "tests/both_apis/test_what_is_sent.py::test_every_live_event_is_what_was_committed",
        ),
    ),
    PlantedBug(
        name="unread-is-total",
        breaks="Events have the number of all notifications for that of the unread ones.",
        file="backend/live_inbox/services/event_recording.py",
        original="unread_count=inbox.unread_count,",
        replacement="unread_count=inbox.total_count,",
        caught_by=(
            "tests/both_apis/test_what_is_sent.py::test_every_live_event_is_what_was_committed",
        ),
    ),
    PlantedBug(
        name="wrong-totals",
        breaks="Events have the number of the unread notifications for that of all.",
        file="backend/live_inbox/services/event_recording.py",
        original="total_count=inbox.total_count,",
        replacement="total_count=inbox.unread_count,",
        caught_by=("tests/domain/test_marking.py::test_a_notification_is_marked_read",),
    ),
    PlantedBug(
        name="read-when-it-was-created",
        breaks="`readAt` is the time of creation, in events and lists of both ways of GraphQL.",
        file="backend/live_inbox/snapshots.py",
        original="read_at=notification.read_at,",
        replacement="read_at=notification.read_at and notification.created_at,",
        caught_by=(
            "tests/both_apis/test_what_is_sent.py::test_every_live_event_is_what_was_committed",
        ),
    ),
    PlantedBug(
        name="no-expiry-shown",
        breaks="Events of both APIs leave out when a notification expires.",
        file="backend/live_inbox/snapshots.py",
        original="getattr(notification, name) for name in CONTENT_FIELDS",
        replacement='getattr(notification, name) if name != "expires_at" else None for name in CONTENT_FIELDS',
        caught_by=(
            "tests/both_apis/test_what_is_sent.py::test_every_live_event_is_what_was_committed",
        ),
    ),
    PlantedBug(
        name="sender-without-a-name",
        breaks="The sender's name is their username.",
        file="backend/live_inbox/snapshots.py",
        original="name=name)",
        replacement="name=username)",
        caught_by=(
            "tests/both_apis/test_what_is_sent.py::test_every_live_event_is_what_was_committed",
        ),
    ),
    PlantedBug(
        name="json-always-unread",
        breaks="The JSON API shows every notification of a list as unread.",
        file=f"{JSON_API}/messages.py",
        original='"read": snapshot.read,',
        replacement='"read": False,',
        caught_by=(
            "tests/both_apis/test_what_is_sent.py::test_every_field_of_a_list_is_what_the_database_holds",
        ),
    ),
    PlantedBug(
        name="json-without-links",
        breaks="The JSON API sends no links.",
        file=f"{JSON_API}/messages.py",
        original="snapshot.link or None",
        replacement="None",
        caught_by=(
            "tests/both_apis/test_what_is_sent.py::test_every_live_event_is_what_was_committed",
        ),
    ),
    PlantedBug(
        name="json-expires-when-created",
        breaks="The JSON API sends the time of creation as that of expiry.",
        file=f"{JSON_API}/messages.py",
        original="wire_time(snapshot.expires_at)",
        replacement="wire_time(snapshot.created_at)",
        caught_by=(
            "tests/both_apis/test_what_is_sent.py::test_every_live_event_is_what_was_committed",
        ),
    ),
    PlantedBug(
        name="json-list-counts-the-page",
        breaks="The JSON API sends the number of unread notifications as that of all.",
        file=f"{JSON_API}/actions.py",
        original="total=page.inbox.total_count,",
        replacement="total=page.inbox.unread_count,",
        caught_by=(
            "tests/both_apis/test_what_is_sent.py::test_every_field_of_a_list_is_what_the_database_holds",
        ),
    ),
    PlantedBug(
        name="edge-of-another-node",
        breaks="The cursors of a list belong to other notifications.",
        file=f"{GRAPHQL}/types.py",
        original="zip(places, nodes, strict=True)",
        replacement="zip(places[::-1], nodes, strict=True)",
        caught_by=(
            "tests/both_apis/test_what_is_sent.py::test_every_field_of_a_list_is_what_the_database_holds",
        ),
    ),
    PlantedBug(
        name="result-without-its-change",
        breaks="`markAllRead` returns the number of unread notifications before the change.",
        file="backend/live_inbox/services/marking.py",
        original="return AllRead(\n        count,\n        inbox.unread_count,",
        replacement="return AllRead(\n        count,\n        inbox.unread_count + count,",
        caught_by=(
            "tests/both_apis/test_what_is_sent.py::test_every_field_of_a_result_is_what_the_database_holds",
        ),
    ),
    PlantedBug(
        name="event-in-another-language",
        breaks="Each recipient's list is in their own language, and the events are in that of the first.",
        file="backend/live_inbox/services/inserting.py",
        original="_shown(shared[copy.draft], id,",
        replacement="_shown(shared[0], id,",
        caught_by=(
            "tests/domain/test_languages.py::test_a_bulk_is_in_the_language_of_each_recipient",
        ),
    ),
    PlantedBug(
        name="removals-of-every-type",
        breaks="A subscription limited by types gets the removals of all types.",
        file="backend/live_inbox/services/removing.py",
        original="notification_id=row.id, type=row.type)",
        replacement="notification_id=row.id, type=None)",
        caught_by=(
            "tests/both_apis/test_what_is_sent.py::test_every_live_event_is_what_was_committed",
        ),
    ),
    PlantedBug(
        name="result-of-another-recipient",
        breaks="`sendMany` returns the id of another recipient's notification.",
        file="backend/live_inbox/services/bulk_for_caller.py",
        original="notification_id = sent.notification_ids.get(key)",
        replacement="notification_id = next(iter(sent.notification_ids.values()), None)",
        caught_by=(
            "tests/domain/test_bulk_for_caller.py::test_each_recipient_has_a_result_in_their_order",
        ),
    ),
    PlantedBug(
        name="answer-with-another-id",
        breaks="The JSON API answers a send with a number that is no id.",
        file=f"{JSON_API}/actions.py",
        original="messages.notification_sent(sent.notification.pk)",
        replacement="messages.notification_sent(sent.notification.added_sequence)",
        caught_by=(
            "tests/both_apis/test_both_apis.py::test_what_one_device_does_the_other_sees_in_the_same_order",
        ),
    ),
    PlantedBug(
        name="signal-of-another-user",
        breaks="The signals of a bulk name the first recipient for all of them.",
        file="backend/live_inbox/services/event_signals.py",
        original="user_id=to_python(event.inbox),",
        replacement="user_id=to_python(events[0].inbox),",
        caught_by=(
            "tests/domain/test_signals.py::test_a_bulk_send_sends_one_signal_for_all_and_one_for_each",
        ),
    ),
    PlantedBug(
        name="json-page-ignores-its-bound",
        breaks="The JSON API answers every page with the newest one.",
        file=f"{JSON_API}/actions.py",
        original="        else selectors.rank_of(user_id=user_id, notification_id=action.before_id),",
        replacement="        else None,",
        caught_by=(
            "tests/both_apis/test_what_is_sent.py::test_every_field_of_a_list_is_what_the_database_holds",
        ),
    ),
)
