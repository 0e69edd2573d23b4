"""Bugs in lists, counts and preferences as they are read."""

from tests.planted.planted_bug import PlantedBug

SELECTORS = "backend/live_inbox/selectors"

BUGS = (
    PlantedBug(
        name="page-repeats-its-bound",
        breaks="The next page begins with the last notification of the one before.",
        file="backend/live_inbox/listing/list_statements.py",
        original='text += f" AND {order.of(_RANK)} > {order.of(bound)}"',
        replacement='text += f" AND {order.of(_RANK)} >= {order.of(bound)}"',
        caught_by=(
            "tests/domain/test_selectors.py::test_a_page_is_bounded_by_ids_and_says_what_lies_beyond",
        ),
    ),
    PlantedBug(
        name="page-one-too-long",
        breaks="A page has one notification more than it was asked for.",
        file=f"{SELECTORS}/lists.py",
        original="if from_oldest else rows[:limit]",
        replacement="if from_oldest else rows[: limit + 1]",
        caught_by=(
            "tests/domain/test_selectors.py::test_a_page_is_bounded_by_ids_and_says_what_lies_beyond",
        ),
    ),
    PlantedBug(
        name="no-further-page",
        breaks="A list says that there is nothing older where there is.",
        file=f"{SELECTORS}/lists.py",
        original="has_older = has_older or goes_on",
        replacement="has_older = has_older",
        caught_by=(
            "tests/domain/test_selectors.py::test_a_page_is_bounded_by_ids_and_says_what_lies_beyond",
        ),
    ),
    PlantedBug(
        name="list-of-everybody",
        breaks="A list shows the notifications of all users.",
        file="backend/live_inbox/listing/list_statements.py",
        original="""_OF_USER = '"recipient_id" = %s'""",
        replacement="""_OF_USER = '"recipient_id" >= %s'""",
        caught_by=(
            "tests/domain/test_selectors.py::test_a_page_is_bounded_by_ids_and_says_what_lies_beyond",
        ),
    ),
    PlantedBug(
        name="notification-of-another-user",
        breaks="A user can read any notification by its id.",
        file=f"{SELECTORS}/lists.py",
        original="query.filter(recipient=user_id, pk=notification_id)",
        replacement="query.filter(pk=notification_id)",
        caught_by=(
            "tests/domain/test_selectors.py::test_what_the_user_does_not_have_is_not_found",
        ),
    ),
    PlantedBug(
        name="list-position-one-too-late",
        breaks="Who subscribes after the position of a list misses an event.",
        file=f"{SELECTORS}/list_rows.py",
        original="Position(epoch, sequence, fingerprint)",
        replacement="Position(epoch, sequence + 1, fingerprint)",
        caught_by=(
            "tests/domain/test_selectors.py::test_a_page_is_bounded_by_ids_and_says_what_lies_beyond",
        ),
    ),
    PlantedBug(
        name="list-in-any-order",
        breaks="A list has the order in which the database returns its rows.",
        file=f"{SELECTORS}/snapshot_rows.py",
        original="        found.sort(key=_RANK, reverse=True)\n",
        replacement="",
        caught_by=("tests/domain/test_read_columns.py::test_the_rows_may_come_in_any_order",),
    ),
    PlantedBug(
        name="count-that-was-not-read",
        breaks="A query that asks for a count gets none.",
        file="graphql_schema/live_inbox_graphql/compiled/field_expressions.py",
        original='r"\\bit\\.inbox\\.(\\w+)"',
        replacement='r"\\bit\\.inboxes\\.(\\w+)"',
        caught_by=(
            "tests/graphql/test_compiled_queries.py::test_the_bytes_are_those_of_graphql_core",
        ),
    ),
    PlantedBug(
        name="filter-shows-all",
        breaks="A list of the read notifications shows the unread ones.",
        file="backend/live_inbox/listing/list_statements.py",
        original="(True, None): (_READ,)",
        replacement="(True, None): (_UNREAD,)",
        caught_by=("tests/domain/test_selectors.py::test_a_list_can_be_filtered",),
    ),
    PlantedBug(
        name="preferences-of-everybody",
        breaks="A user sees what others have turned off.",
        file=f"{SELECTORS}/preferences.py",
        original="_choices(user=user_id)\n",
        replacement="_choices(user__isnull=False)\n",
        caught_by=(
            "tests/domain/test_preferences.py::test_a_preference_is_remembered_and_can_be_changed",
        ),
    ),
    PlantedBug(
        name="required-channel-turned-off",
        breaks="A project that mails does not mail a required type to a user who had turned it off.",
        file=f"{SELECTORS}/preferences.py",
        original="    if declared.is_required_by(channel):\n        return set(user_ids)\n",
        replacement="",
        caught_by=(
            "tests/domain/test_channels.py::test_a_required_type_is_wanted_whatever_was_chosen_before",
        ),
    ),
)
