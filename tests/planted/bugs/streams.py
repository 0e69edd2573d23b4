"""Bugs in event streams: ids, resuming, ends and limits."""

from tests.planted.planted_bug import PlantedBug

GRAPHQL = "graphql_schema/live_inbox_graphql"
TESTS = "tests/graphql/test_event_streams.py"

BUGS = (
    PlantedBug(
        name="last-event-id-ignored",
        breaks="A stream begins anew after a reconnect, and what happened meanwhile is missed.",
        file=f"{GRAPHQL}/operations.py",
        original="self._owner.context().last_event_id or compiled.after",
        replacement="compiled.after",
        caught_by=(f"{TESTS}::TestResuming::test_the_header_takes_the_place_of_after",),
    ),
    PlantedBug(
        name="executed-id-of-the-event-before",
        breaks="A stream that graphql-core executes has the position of the event before as its id.",
        file=f"{GRAPHQL}/subscriptions.py",
        original="                note(event.position)\n                yield event\n        else:",
        replacement="                yield event\n                note(event.position)\n        else:",
        caught_by=(f"{TESTS}::TestResuming::test_exactly_after_every_position",),
    ),
    PlantedBug(
        name="stream-of-a-foreign-page",
        breaks="A page of another site opens streams by the session of its visitor.",
        file=f"{GRAPHQL}/authentication.py",
        original='not in ("none", "same-origin")',
        replacement="is None",
        caught_by=(f"{TESTS}::TestAuthentication::test_a_session_of_another_page_does_not_count",),
    ),
    PlantedBug(
        name="complete-when-access-ends",
        breaks="A stream whose caller has lost access says that its operation is complete: clients do not come back.",
        file=f"{GRAPHQL}/event_streams.py",
        original='        """End the subscription, unless its end is what closes the stream."""\n',
        replacement='        """End the subscription, unless its end is what closes the stream."""\n'
        "        self._writer.write([COMPLETE])\n",
        caught_by=(f"{TESTS}::TestEnds::test_when_tokens_are_revoked",),
    ),
)
