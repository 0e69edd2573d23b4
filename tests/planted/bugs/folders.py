"""Planted bugs: folders, pins and what was seen."""

from tests.planted.planted_bug import PlantedBug

SERVICES = "backend/live_inbox/services"

BUGS = (
    PlantedBug(
        name="actions-performed-twice",
        breaks="Of two devices that choose different actions, both are told that theirs is recorded.",
        file="backend/live_inbox/services/performing.py",
        original="if notification.performed_action is not None:",
        replacement="if notification.performed_action == action_id:",
        caught_by=(
            "tests/both_apis/test_actions.py::test_the_first_choice_is_recorded_and_the_second_gets_it",
        ),
    ),
    PlantedBug(
        name="archived-still-counted",
        breaks="What was archived is still counted in the inbox.",
        file=f"{SERVICES}/counting.py",
        original="_ELSEWHERE.get(notification.folder)",
        replacement="_ELSEWHERE.get(notification.folder and None)",
        caught_by=(
            "tests/both_apis/test_folders.py::test_what_is_archived_leaves_the_list_and_comes_back_to_its_place",
        ),
    ),
    PlantedBug(
        name="returns-to-its-old-place",
        breaks="A notification comes back from its snooze where it was, and not at the top.",
        file=f"{SERVICES}/moving.py",
        original="notification.returned_rank = new_rank",
        replacement="notification.returned_rank = None",
        caught_by=(
            "tests/both_apis/test_folders.py::test_what_is_snoozed_comes_back_by_itself_on_top_and_unread",
        ),
    ),
    PlantedBug(
        name="compiled-list-of-the-wrong-folder",
        breaks="A compiled query of the archive lists the inbox.",
        file="graphql_schema/live_inbox_graphql/query_results.py",
        original="            filter=arguments.filter,\n",
        replacement="",
        caught_by=("tests/graphql/test_compiled_queries.py::test_every_field",),
    ),
    PlantedBug(
        name="pins-without-end",
        breaks="Any number of notifications can be pinned.",
        file=f"{SERVICES}/pinning.py",
        original="count() >= most",
        replacement="count() > most",
        caught_by=(
            "tests/both_apis/test_folders.py::test_pinned_ones_have_a_list_of_their_own_and_stay_in_their_place",
        ),
    ),
)
