"""Bugs between the hub and the sockets: the feed, the connections and the state machine of the JSON protocol."""

from tests.planted.planted_bug import PlantedBug

FEED = "backend/live_inbox/feed.py"
JSON_API = "backend/live_inbox/json_api"
GRAPHQL = "graphql_schema/live_inbox_graphql"

BUGS = (
    PlantedBug(
        name="every-50th-event-dropped",
        breaks="A subscription leaves out every 50th event.",
        file=f"{GRAPHQL}/event_senders.py",
        original="[frame(render(item), item) for item in items]",
        replacement='[frame(render(item), item) for item in items if getattr(item, "sequence", 1) % 50]',
        caught_by=("tests/both_apis/test_both_apis.py::test_a_burst_arrives_whole_and_in_order",),
    ),
    PlantedBug(
        name="frame-doubled",
        breaks="A client of the JSON API gets an event twice.",
        file=f"{JSON_API}/protocol.py",
        original="self._frames.append(encoded.frame)",
        replacement="self._frames += [encoded.frame] * 2",
        caught_by=("tests/json_api/test_protocol.py::test_each_event_is_sent_as_its_message",),
    ),
    PlantedBug(
        name="batch-handed-over-twice",
        breaks="The JSON API gets each batch twice, and closes its sockets.",
        file=f"{JSON_API}/connection.py",
        original="self._protocol.receive_events(batch)",
        replacement="[self._protocol.receive_events(batch) for _ in range(2)]",
        caught_by=(
            "tests/both_apis/test_both_apis.py::test_what_a_service_sends_appears_on_every_device",
        ),
    ),
    PlantedBug(
        name="events-pass-an-action",
        breaks="An event overtakes the answer of the action that was before it.",
        file=f"{JSON_API}/protocol.py",
        original="return is_of_sender and isinstance(event, Event)",
        replacement="return isinstance(event, Event)",
        caught_by=(
            "tests/json_api/test_protocol.py::test_event_that_overtakes_the_action_is_its_confirmation",
        ),
    ),
    PlantedBug(
        name="answered-before-its-events",
        breaks="A list comes before events that it contains.",
        file=f"{JSON_API}/protocol.py",
        original="self._answers[0].sequence <= reached",
        replacement="self._answers[0].sequence <= reached + 1",
        caught_by=(
            "tests/json_api/test_protocol.py::test_event_that_comes_after_the_action_is_its_confirmation",
        ),
    ),
    PlantedBug(
        name="confirmed-twice",
        breaks="The confirmation of an action comes beside its event.",
        file=f"{JSON_API}/protocol.py",
        original="elif self._answers and self._answers[0].confirms(",
        replacement="elif not self._answers and self._answers[0].confirms(",
        caught_by=(
            "tests/json_api/test_protocol.py::test_event_that_comes_after_the_action_is_its_confirmation",
        ),
    ),
    PlantedBug(
        name="partial-mark-all-read-not-shown",
        breaks="After a mark-all-read that has left something unread, a JSON client shows what is no more.",
        file=f"{JSON_API}/protocol.py",
        original="if encoded is None:\n            self._reload()",
        replacement="if encoded is None:\n            pass",
        caught_by=(
            "tests/json_api/test_protocol.py::test_bounded_mark_all_is_sent_as_a_fresh_list",
        ),
    ),
    PlantedBug(
        name="reset-without-a-list",
        breaks="After a reset, a JSON client goes on with an old list.",
        file=f"{JSON_API}/protocol.py",
        original="self._send_answers(math.inf)\n        self._reload()",
        replacement="self._send_answers(math.inf)",
        caught_by=("tests/json_api/test_protocol.py::test_reset_is_sent_as_a_fresh_list",),
    ),
    PlantedBug(
        name="reset-does-not-move",
        breaks="A position that cannot be resumed is answered with resets without end.",
        file=FEED,
        original="self._subscription.restart(state.position)",
        replacement="self._subscription.restart(self._subscription.position)",
        caught_by=("tests/domain/test_feed.py::test_an_import_resets_open_feeds_once",),
    ),
    PlantedBug(
        name="reset-with-the-wrong-count",
        breaks="A reset has the number of all notifications for that of the unread ones.",
        file=FEED,
        original="unread_count=state.unread_count,",
        replacement="unread_count=state.total_count,",
        caught_by=(
            "tests/domain/test_feed.py::test_a_position_that_cannot_be_resumed_is_answered_with_a_reset",
        ),
    ),
    PlantedBug(
        name="reset-with-the-wrong-reason",
        breaks="Every reset says that the client was away for too long.",
        file=FEED,
        original="reason=reason,",
        replacement="reason=ResetReason.EXPIRED,",
        caught_by=(
            "tests/domain/test_feed.py::test_a_position_that_cannot_be_resumed_is_answered_with_a_reset",
        ),
    ),
    PlantedBug(
        name="backpressure-ignored",
        breaks="A client that does not read is written to all the same, while it catches up.",
        file=FEED,
        original="room = self._deliver_traced(batches.pop(0))",
        replacement="room = self._deliver_traced(batches.pop(0)) and None",
        caught_by=(
            "tests/domain/test_following.py::TestWithoutATask::test_room_is_awaited_between_batches",
        ),
    ),
    PlantedBug(
        name="lagging-client-forgotten",
        breaks="A client without room gets what it has missed with the next event only.",
        file=FEED,
        original="if (room is None and batch.is_last) or self._is_over():",
        replacement="if batch.is_last or self._is_over():",
        caught_by=(
            "tests/domain/test_following.py::TestWithoutATask::test_a_task_exists_only_as_long_as_there_is_no_room",
        ),
    ),
    PlantedBug(
        name="stopped-and-still-delivering",
        breaks="A subscription that was stopped goes on.",
        file=FEED,
        original="if self._catching_up is not None or self._is_stopped:\n            return\n        room = None",
        replacement="if self._catching_up is not None:\n            return\n        room = None",
        caught_by=(
            "tests/domain/test_following.py::TestTheEnd::test_a_client_that_is_stopped_by_another_gets_nothing_of_the_same_fan_out",
        ),
    ),
)
