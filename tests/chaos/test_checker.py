"""The checker finds what it is made to find, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.chaos.checker import Wrong, check
from tests.chaos.comparing import Comparisons
from tests.chaos.history import (
    ADDED,
    ALL_READ,
    COMMITTED,
    CONTENT,
    DELETED,
    EVENT,
    READ,
    ROLLED_BACK,
    SUPPRESSED,
    UNKNOWN,
    UNREAD,
    Advanced,
    Claim,
    Closed,
    EpochLog,
    EventContent,
    Follower,
    Inbox,
    Item,
    Listed,
    Message,
    Notification,
    Opened,
    Original,
    Place,
    Received,
    Reset,
    Segment,
    digest_of,
)

pytestmark = pytest.mark.stack("embedded")

USER = 7
EVENTS = [
    EventContent(ADDED, 11, 1, "a"),
    EventContent(ADDED, 12, 2, "b"),
    EventContent(READ, 11, 1, "a"),
    EventContent(ADDED, 13, 2, "c"),
    EventContent(ALL_READ, 13, 0, number=2),
    EventContent(UNREAD, 12, 1, "b"),
    EventContent(DELETED, 12, 0),
]
LIST = {11: True, 13: True}
SENT = [Claim("w", USER, ADDED, COMMITTED, title=title) for title in "abc"]


def inbox(*epoch_logs: EpochLog, notifications: dict[int, bool] = LIST, unread: int = 0) -> Inbox:
    return Inbox(
        list(epoch_logs) or [EpochLog("e", EVENTS)], notifications, unread, len(notifications)
    )


def opened(sequence: int, epoch: str = "e") -> Opened:
    return Opened(0.0, Place(epoch, sequence), 0.0)


def received(sequence: int, epoch: str = "e", events: Sequence[EventContent] = EVENTS) -> Received:
    return Received(0.0, Place(epoch, sequence), events[sequence - 1])


def reset(sequence: int, reason: str, epoch: str = "e") -> Reset:
    return Reset(0.0, Place(epoch, sequence), reason)


def found(
    *items: Item,
    at: Inbox | None = None,
    claims: Sequence[Claim] = SENT,
    expected_reset: str | None = None,
) -> list[Wrong]:
    """Return what is wrong with a follower's history."""
    follower = Follower("f", USER, items, expected_reset)
    return [each.wrong for each in check({USER: at or inbox()}, claims, [follower], [])]


def found_with(*claims: Claim, at: Inbox | None = None) -> list[Wrong]:
    """Return what is wrong with what writers recorded."""
    return [each.wrong for each in check({USER: at or inbox()}, claims, [], [])]


def found_at_original(*segments: Segment, mismatches: Sequence[str] = ()) -> list[Wrong]:
    """Return what is wrong with the history of a client of the JSON API."""
    original = Original("o", USER, segments, mismatches)
    return [each.wrong for each in check({USER: inbox()}, SENT, [], [original])]


# -- good histories --------------------------------------------------------------------------------------


def test_a_client_that_received_everything_passes() -> None:
    assert found(opened(0), *map(received, range(1, 8))) == []


def test_a_client_that_resumed_after_its_position_passes() -> None:
    first: list[Item] = [opened(2), received(3), received(4)]
    second: list[Item] = [opened(4), received(5), received(6), received(7)]
    assert found(Listed(0, Place("e", 2), 2, 2), *first, Closed(0, "cut"), *second) == []


def test_a_client_that_was_away_while_the_log_was_pruned_gets_a_reset() -> None:
    pruned = inbox(EpochLog("e", EVENTS, first=5))
    history: list[Item] = [
        opened(1),
        reset(6, "EXPIRED"),
        Listed(0, Place("e", 6), 1, 3),
        received(7),
    ]
    assert found(*history, at=pruned, expected_reset="EXPIRED") == []


def erased(sequence: int, unread: int | None = None) -> Advanced:
    committed = EVENTS[sequence - 1].unread
    return advanced(sequence, committed if unread is None else unread)


def test_a_client_may_receive_what_was_deleted_later_without_its_content() -> None:
    deleted_later = {2, 6}
    history = [erased(n) if n in deleted_later else received(n) for n in range(1, 8)]
    assert found(opened(0), *history) == []
    for lacking in (1, 3, 4, 5, 7):
        wrong = [erased(n) if n == lacking else received(n) for n in range(1, 8)]
        assert found(opened(0), *wrong) == [Wrong.LOST]
    history[1] = erased(2, unread=1)
    assert Wrong.GARBLED in found(opened(0), *history)


def test_a_json_client_may_lack_the_messages_about_what_was_deleted_later() -> None:
    deleted_later = {MESSAGES[1], MESSAGES[5]}
    left = [each for each in MESSAGES if each not in deleted_later]
    assert found_at_original(Segment(left, digest_of(LIST))) == []
    for lacking in (2, 3, 4):
        wrong = [each for each in left if each != MESSAGES[lacking]]
        assert found_at_original(Segment(wrong, digest_of(LIST))) == [Wrong.NOT_THE_LOG]
    # Until the deletion, its list is without it.
    early = Segment(left[:3], digest_of({11: True, 13: False}))
    assert found_at_original(early, Segment([], digest_of(LIST))) == []


def test_a_client_of_a_restored_inbox_gets_a_reset() -> None:
    restored = inbox(
        EpochLog("e", EVENTS),
        EpochLog("f", EVENTS[:2]),
        notifications={11: False, 12: False},
        unread=2,
    )
    history: list[Item] = [opened(7), reset(1, "EPOCH", "f"), received(2, "f")]
    assert found(*history, at=restored, expected_reset="EPOCH") == []


APPROVAL = Notification(11, "approval", "a", "", "", "{}", "", "", "", "")
TYPED = [
    EventContent(ADDED, 11, 1, "a", notification=APPROVAL),
    EventContent(
        ADDED, 12, 2, "b", notification=replace(APPROVAL, id=12, type="general", title="b")
    ),
    EventContent(DELETED, 12, 1),
    EventContent(ALL_READ, 11, 0, number=1),
    EventContent(DELETED, 11, 0),
    EventContent(
        ADDED, 13, 1, "c", notification=replace(APPROVAL, id=13, type="general", title="c")
    ),
]


def advanced(sequence: int, unread: int) -> Advanced:
    return Advanced(0.0, Place("e", sequence), unread, "")


def found_of_types(*items: Item, types: Sequence[str] = ("approval",)) -> list[Wrong]:
    """Return what is wrong with the history of a client that is limited by types."""
    typed = inbox(EpochLog("e", TYPED), notifications={13: False}, unread=1)
    follower = Follower("limited 1", USER, items, types=frozenset(types))
    return [each.wrong for each in check({USER: typed}, SENT, [follower], [])]


def test_a_client_of_some_types_that_received_those_passes() -> None:
    history: list[Item] = [opened(0), received(1, events=TYPED), advanced(3, 1)]
    history += [opened(3), received(4, events=TYPED), received(5, events=TYPED)]
    assert found_of_types(*history) == []
    assert found_of_types(*history, advanced(6, 1)) == []


def test_a_client_of_some_types_that_lacks_one_of_them_has_lost_it() -> None:
    # The first event may have lost its content: its notification was deleted later.
    assert found_of_types(opened(0), advanced(3, 1), opened(3), received(4, events=TYPED)) == [
        Wrong.LOST
    ]
    # Nor may a position stand for an event that was asked for.
    history: list[Item] = [opened(1), received(4, events=TYPED), advanced(5, 0)]
    assert found_of_types(*history) == [Wrong.LOST]


def test_a_client_of_some_types_gets_no_others_and_right_positions() -> None:
    history: list[Item] = [opened(0), *(received(number, events=TYPED) for number in (1, 2, 4, 5))]
    assert found_of_types(*history) == [Wrong.NOT_ASKED]
    history = [opened(1), advanced(2, 7), received(4, events=TYPED), received(5, events=TYPED)]
    assert found_of_types(*history) == [Wrong.GARBLED]
    assert Wrong.DOUBLED in found_of_types(opened(5), advanced(3, 1))
    assert Wrong.INVENTED in found_of_types(opened(5), advanced(9, 1))


def test_a_json_client_that_received_a_segment_of_the_log_passes() -> None:
    messages = [(READ, 11), (ADDED, 13)]
    middle = Segment(messages, digest_of({11: True, 12: False, 13: False}))
    end = Segment([(DELETED, 12)], digest_of(LIST))
    assert found_at_original(middle, Segment([(ALL_READ, 2)], None), end) == []


# -- clients that hold positions -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("history", "wrong"),
    [
        ([opened(4), received(5), received(7)], [Wrong.LOST]),
        ([opened(4), received(5), received(6)], [Wrong.LOST]),
        ([opened(5), received(6), received(6), received(7)], [Wrong.DOUBLED]),
        ([opened(5), received(6), received(7), opened(7), received(6)], [Wrong.DOUBLED]),
        ([opened(5), received(5), received(6), received(7)], [Wrong.DOUBLED]),
        ([opened(4), received(6), received(5), received(7)], [Wrong.OUT_OF_ORDER]),
        (
            [opened(4), received(6), received(5), received(5), received(7)],
            [Wrong.OUT_OF_ORDER, Wrong.DOUBLED],
        ),
        ([opened(7), Received(0, Place("e", 8), EVENTS[0])], [Wrong.INVENTED]),
        ([opened(6), Received(0, Place("e", 7), EventContent(DELETED, 11, 0))], [Wrong.GARBLED]),
        ([opened(6), Received(0, Place("e", 7), EventContent(DELETED, 12, 1))], [Wrong.GARBLED]),
        ([Listed(0, Place("e", 7), 1, 2), opened(7)], [Wrong.MISCOUNTED]),
        ([Listed(0, Place("e", 7), 0, 3), opened(7)], [Wrong.MISCOUNTED]),
        ([Listed(0, Place("e", 8), 0, 2), opened(7)], [Wrong.INVENTED]),
        ([opened(6), reset(7, "EXPIRED")], [Wrong.RESET_UNEXPECTED]),
        ([opened(6), reset(7, "EPOCH")], [Wrong.RESET_UNEXPECTED]),
        ([opened(6), reset(7, "AHEAD")], [Wrong.RESET_UNEXPECTED]),
        ([opened(6), reset(8, "EXPIRED")], [Wrong.INVENTED]),
        ([opened(5), opened(6), received(7)], [Wrong.NOT_THE_LOG]),
        ([], [Wrong.RESET_MISSING]),
    ],
)
def test_what_is_wrong_with_a_client_is_found(history: list[Item], wrong: list[Wrong]) -> None:
    assert found(*history) == wrong


def test_a_reset_is_wrong_for_a_client_whose_next_event_was_kept() -> None:
    pruned = inbox(EpochLog("e", EVENTS, first=5))
    assert found(opened(4), reset(7, "EXPIRED"), at=pruned) == [Wrong.RESET_UNEXPECTED]


def test_a_necessary_reset_that_did_not_come_is_found() -> None:
    assert found(opened(7), expected_reset="EXPIRED") == [Wrong.RESET_MISSING]


def test_a_client_without_the_reset_of_a_new_epoch_is_found() -> None:
    restored = inbox(
        EpochLog("e", EVENTS),
        EpochLog("f", EVENTS[:2]),
        notifications={11: False, 12: False},
        unread=2,
    )
    assert found(opened(7), at=restored) == [Wrong.RESET_MISSING]
    assert found(opened(1), received(2, "f"), at=restored) == [Wrong.RESET_MISSING]
    assert found(opened(2, "f"), reset(7, "EPOCH"), at=restored) == [
        Wrong.RESET_UNEXPECTED,
        Wrong.RESET_MISSING,
    ]


# -- the log ---------------------------------------------------------------------------------------------


def test_a_log_whose_counts_do_not_follow_from_its_events_is_found() -> None:
    wrong = [replace(EVENTS[0], unread=2), *EVENTS[1:]]
    assert found_with(*SENT, at=inbox(EpochLog("e", wrong))) == [Wrong.MISCOUNTED]


def test_a_list_that_does_not_follow_from_its_log_is_found() -> None:
    assert found_with(*SENT, at=inbox(notifications={11: True})) == [Wrong.LIST]
    assert found_with(*SENT, at=inbox(notifications={11: True, 13: False}, unread=1)) == [
        Wrong.LIST
    ]


def test_a_row_that_counts_wrong_is_found() -> None:
    assert found_with(*SENT, at=inbox(unread=1)) == [Wrong.MISCOUNTED]


# -- writers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claim", "wrong"),
    [
        (Claim("w", USER, ADDED, COMMITTED, title="z"), [Wrong.FORGOTTEN]),
        (Claim("w", USER, ADDED, UNKNOWN, title="z"), []),
        (Claim("w", USER, ADDED, ROLLED_BACK, title="z"), []),
        (Claim("w", USER, ADDED, ROLLED_BACK, title="a"), [Wrong.NOT_UNDONE]),
        (Claim("w", USER, ADDED, COMMITTED, title="a", notification_id=11, sequence=1), []),
        (Claim("w", USER, ADDED, COMMITTED, title="a", sequence=2), [Wrong.FORGOTTEN]),
        (Claim("w", USER, READ, COMMITTED, notification_id=11, sequence=3), []),
        (Claim("w", USER, READ, COMMITTED, notification_id=12, sequence=3), [Wrong.FORGOTTEN]),
        (Claim("w", USER, DELETED, COMMITTED, notification_id=12, sequence=7), []),
    ],
)
def test_what_a_writer_recorded_is_looked_up(claim: Claim, wrong: list[Wrong]) -> None:
    assert found_with(*SENT, claim) == wrong


def test_a_send_that_is_in_the_log_twice_is_found() -> None:
    twice = [*EVENTS, EventContent(ADDED, 14, 1, "c")]
    actual = inbox(EpochLog("e", twice), notifications={**LIST, 14: False}, unread=1)
    assert found_with(*SENT, at=actual) == [Wrong.REPEATED]


def test_a_send_is_in_a_restored_log_as_well() -> None:
    actual = inbox(EpochLog("e", EVENTS), EpochLog("f", EVENTS))
    assert found_with(*SENT, at=actual) == []


def test_an_event_that_no_writer_sent_is_found() -> None:
    assert found_with(*SENT[1:]) == [Wrong.INVENTED]


# -- the JSON API ----------------------------------------------------------------------------------------

MESSAGES: list[Message] = [each.short() for each in EVENTS]


@pytest.mark.parametrize(
    "messages",
    [
        [*MESSAGES[:2], *MESSAGES[3:]],
        [*MESSAGES[:2], *MESSAGES[1:]],
        [MESSAGES[1], MESSAGES[0], *MESSAGES[2:]],
        [*MESSAGES, (ADDED, 14)],
        [*MESSAGES[:4], (ALL_READ, 3), *MESSAGES[5:]],
    ],
    ids=["lost", "doubled", "order", "invented", "garbled"],
)
def test_messages_that_are_no_segment_of_the_log_are_found(messages: list[Message]) -> None:
    assert found_at_original(Segment(messages, digest_of(LIST))) == [Wrong.NOT_THE_LOG]


def test_an_epoch_may_end_within_a_segment_whose_list_is_replaced() -> None:
    renewed = inbox(EpochLog("e", EVENTS), EpochLog("f", EVENTS))
    around = Segment([*MESSAGES[:2], *MESSAGES[4:]], None, was_replaced=True)
    last = Segment([], digest_of(LIST))

    def wrong(at: Inbox, segment: Segment) -> list[Wrong]:
        original = Original("o", USER, [segment, last])
        return [each.wrong for each in check({USER: at}, SENT, [], [original])]

    assert wrong(renewed, around) == []
    assert wrong(inbox(), around) == [Wrong.NOT_THE_LOG]
    assert wrong(renewed, replace(around, was_replaced=False)) == [Wrong.NOT_THE_LOG]
    twice = replace(around, messages=[MESSAGES[0], MESSAGES[3], MESSAGES[5]])
    assert wrong(renewed, twice) == [Wrong.NOT_THE_LOG]


def test_a_list_that_lacks_something_from_before_the_first_message_is_found() -> None:
    without_11 = digest_of({13: True})
    assert found_at_original(Segment([(DELETED, 12)], without_11)) == [
        Wrong.NOT_THE_LOG,
        Wrong.LOST,
    ]


def test_a_list_without_messages_must_be_one_of_the_log() -> None:
    last = Segment([], digest_of(LIST))
    assert found_at_original(Segment([], digest_of({11: False})), last) == []
    assert found_at_original(Segment([], digest_of({12: False})), last) == [Wrong.NOT_THE_LOG]


def test_a_client_whose_last_list_is_not_the_inbox_is_found() -> None:
    assert found_at_original(Segment([], digest_of({11: False}))) == [Wrong.LOST]
    assert found_at_original(Segment([], None)) == [Wrong.LOST]
    assert found_at_original() == [Wrong.LOST]


def test_what_a_client_noticed_itself_is_reported() -> None:
    assert found_at_original(Segment([], digest_of(LIST)), mismatches=["twice"]) == [Wrong.DOUBLED]


def test_a_mark_all_that_left_something_unread_has_no_message() -> None:
    events = [*EVENTS[:2], EventContent(ALL_READ, 11, 1, number=1), EventContent(ADDED, 13, 2, "c")]
    actual = inbox(EpochLog("e", events), notifications={11: True, 12: False, 13: False}, unread=2)
    segment = Segment([(ADDED, 11), (ADDED, 12), (ADDED, 13)], actual.digest)
    assert check({USER: actual}, SENT, [], [Original("o", USER, [segment])]) == []


# -- any history -----------------------------------------------------------------------------------------


@st.composite
def logs(draw: st.DrawFn) -> list[EventContent]:
    """Any log of an inbox."""
    known: dict[int, bool] = {}
    events: list[EventContent] = []
    for number in range(1, draw(st.integers(2, 15))):
        what = draw(st.sampled_from([ADDED, ADDED, READ, UNREAD, DELETED]))
        fitting = [id for id, read in known.items() if what == DELETED or read is (what == UNREAD)]
        if what == ADDED or not fitting:
            what, id = ADDED, number
            known[id] = False
        else:
            id = draw(st.sampled_from(fitting))
            known.pop(id) if what == DELETED else known.update({id: what == READ})
        title = "" if what == DELETED else f"title {id}"
        events.append(EventContent(what, id, sum(not read for read in known.values()), title))
    return events


@st.composite
def histories(draw: st.DrawFn, events: Sequence[EventContent]) -> list[Item]:
    """The history of a client that saw all that followed its beginning, over any number of connections."""
    begin = draw(st.integers(0, len(events) - 1))
    items: list[Item] = [opened(begin)]
    for sequence in range(begin + 1, len(events) + 1):
        if draw(st.booleans()):
            items += [Closed(0, "cut"), opened(sequence - 1)]
        items.append(received(sequence, events=events))
    return items


def _without(items: list[Item], which: int) -> list[Item]:
    return [item for number, item in enumerate(items) if number != which]


def _twice(items: list[Item], which: int) -> list[Item]:
    return [*items[: which + 1], items[which], *items[which + 1 :]]


def _late(items: list[Item], which: int) -> list[Item]:
    return [*_without(items, which), items[which]]


def _garbled(items: list[Item], which: int) -> list[Item]:
    item = items[which]
    assert isinstance(item, Received)
    garbled = replace(item, content=replace(item.content, unread=item.content.unread + 1))
    return [*items[:which], garbled, *items[which + 1 :]]


def _elsewhere(items: list[Item], which: int) -> list[Item]:
    item = items[which]
    assert isinstance(item, Received)
    return [
        *items[:which],
        replace(item, place=Place("x", item.place.sequence)),
        *items[which + 1 :],
    ]


DAMAGES: list[Callable[[list[Item], int], list[Item]]] = [
    _without,
    _twice,
    _late,
    _garbled,
    _elsewhere,
]


@given(data=st.data())
def test_any_good_history_passes_and_any_damage_is_found(data: st.DataObject) -> None:
    events = data.draw(logs())
    final = EpochLog("e", events)
    state = final.states[-1]
    actual = Inbox([final], _final(events), state.unread, state.total)
    claims = [Claim("w", USER, ADDED, COMMITTED, title=e.title) for e in events if e.what == ADDED]
    items = data.draw(histories(events))
    assert found(*items, at=actual, claims=claims) == []
    which = data.draw(
        st.sampled_from([n for n, item in enumerate(items) if isinstance(item, Received)])
    )
    damaged = data.draw(st.sampled_from(DAMAGES))(items, which)
    assume(damaged != items)
    assert found(*damaged, at=actual, claims=claims) != []


def _final(events: Sequence[EventContent]) -> dict[int, bool]:
    """Return the list after a log, by another way than the checker's."""
    last = {content.notification_id: content.what for content in events}
    return {id: what == READ for id, what in last.items() if what != DELETED}


# -- content ---------------------------------------------------------------------------------------------

NOTE = Notification(11, "general", "a", "text", "/x", '{"k":1}', '["1","u","U"]', "t1", "t9", "")
WITH_CONTENT = [
    EventContent(ADDED, 11, 1, "a", notification=NOTE, occurred_at="t1", total=1),
    EventContent(
        READ, 11, 0, "a", notification=replace(NOTE, read_at="t2"), occurred_at="t2", total=1
    ),
    EventContent(
        ADDED, 12, 1, "b", notification=replace(NOTE, id=12, title="b"), occurred_at="t3", total=2
    ),
    EventContent(ALL_READ, 12, 0, number=1, occurred_at="t4", total=2),
]
ROWS = [replace(NOTE, id=12, title="b", read_at="t4"), replace(NOTE, read_at="t2")]
TWO_SENT = [Claim("w", USER, ADDED, COMMITTED, title=title) for title in "ab"]


def full(
    events: Sequence[EventContent] = WITH_CONTENT, rows: Sequence[Notification] = ROWS
) -> Inbox:
    return Inbox([EpochLog("e", list(events))], {11: True, 12: True}, 0, 2, list(rows))


def received_in(events: Sequence[EventContent]) -> list[Item]:
    return [opened(0), *(received(n + 1, events=events) for n in range(len(events)))]


def test_full_content_passes_and_every_field_is_counted() -> None:
    comparisons = Comparisons()
    final = Listed(0, Place("e", 4), 0, 2, ROWS, 2, is_final=True)
    page = Listed(0, Place("e", 3), 1, 2, [replace(ROWS[0], read_at=""), ROWS[1]], 20)
    follower = Follower("transport 1", USER, [*received_in(WITH_CONTENT), page, final])
    assert check({USER: full()}, TWO_SENT, [follower], [], comparisons) == []
    for field in (*CONTENT, *EVENT):
        assert comparisons[f"transport event.{field}"] > 0
    for field in CONTENT:
        assert comparisons[f"transport list.{field}"] > 0
        assert comparisons[f"transport final list.{field}"] > 0


@pytest.mark.parametrize("field", [name for name in CONTENT if name != "id"])
def test_any_field_of_an_event_that_differs_is_found(field: str) -> None:
    """As when the events of a batch are all sent with the content of its first one."""
    other = {**asdict(ROWS[0]), "read_at": "", field: "other"}
    wrong = replace(WITH_CONTENT[2], notification=Notification(**other))
    history = received_in([*WITH_CONTENT[:2], wrong, WITH_CONTENT[3]])
    assert found(*history, at=full(), claims=TWO_SENT) == [Wrong.GARBLED]


def test_another_time_of_an_event_is_found() -> None:
    wrong = replace(WITH_CONTENT[0], occurred_at="t7")
    history = received_in([wrong, *WITH_CONTENT[1:]])
    assert found(*history, at=full(), claims=TWO_SENT) == [Wrong.GARBLED]


@pytest.mark.parametrize(
    "rows",
    [
        [replace(ROWS[0], message="other"), ROWS[1]],
        [replace(ROWS[0], read_at=""), ROWS[1]],
        [ROWS[1], ROWS[0]],
        [ROWS[0]],
    ],
    ids=["message", "read", "order", "missing"],
)
def test_a_list_that_differs_in_content_read_state_or_order_is_found(
    rows: list[Notification],
) -> None:
    page = Listed(0, Place("e", 4), 0, 2, rows, 20)
    history = received_in(WITH_CONTENT)
    assert found(*history, page, at=full(), claims=TWO_SENT) == [Wrong.LIST]
    final = Listed(0, Place("e", 4), 0, 2, rows, len(rows), is_final=True)
    assert found(*history, final, at=full(), claims=TWO_SENT) == [Wrong.LIST]


def test_a_wrong_total_in_the_log_is_found() -> None:
    wrong = [replace(WITH_CONTENT[0], total=2), *WITH_CONTENT[1:]]
    assert found_with(*TWO_SENT, at=full(wrong)) == [Wrong.MISCOUNTED]


def test_a_row_that_differs_from_its_log_is_found() -> None:
    rows = [ROWS[0], replace(ROWS[1], data="{}")]
    assert found_with(*TWO_SENT, at=full(rows=rows)) == [Wrong.LIST]


def test_what_was_committed_is_compared_with_what_was_sent() -> None:
    sent = {"message": "text", "link": "/x", "data": '{"k":1}', "type": "general", "sender": "1"}
    good = Claim("w", USER, ADDED, COMMITTED, title="a", content=sent)
    assert found_with(*TWO_SENT, good, at=full()) == []
    for field in sent:
        bad = replace(good, content=sent | {field: "other"})
        assert found_with(*TWO_SENT, bad, at=full()) == [Wrong.NOT_AS_SENT]


def test_a_key_lives_as_long_as_its_notification() -> None:
    deleted = EventContent(DELETED, 13, 1)
    events = [*EVENTS[:4], deleted, EventContent(ADDED, 14, 2, "c")]
    rows = {11: True, 12: False, 14: False}
    again = inbox(EpochLog("e", events), notifications=rows, unread=2)
    keyed = [replace(each, key=True) for each in SENT]
    assert found_with(*keyed, at=again) == []
    assert found_with(*SENT, at=again) == [Wrong.REPEATED]


def test_what_was_suppressed_must_not_be_there() -> None:
    assert found_with(*SENT, Claim("w", USER, ADDED, SUPPRESSED, title="a")) == [Wrong.NOT_UNDONE]


def test_what_expired_too_early_is_found() -> None:
    early = replace(inbox(), too_early=["notification 12 was due later"])
    assert found_with(*SENT, at=early) == [Wrong.TOO_EARLY]


def test_a_json_client_is_compared_in_full() -> None:
    comparisons = Comparisons()
    shown = [NOTE.as_json(), replace(NOTE, id=12, title="b").as_json()]
    segment = Segment([each.short() for each in WITH_CONTENT], full().digest, shown=shown)
    rows = [each.as_json() for each in ROWS]
    good = Original("original 1", USER, [segment], rows=rows)
    assert check({USER: full()}, TWO_SENT, [], [good], comparisons) == []
    assert comparisons["original event.message"] == 2
    garbled = replace(segment, shown=[shown[0], replace(shown[1], message="first")])
    other_rows = [replace(rows[0], message="first"), rows[1]]
    for bad, wrong in (
        (replace(good, segments=[garbled]), Wrong.GARBLED),
        (replace(good, rows=other_rows), Wrong.LIST),
    ):
        assert [each.wrong for each in check({USER: full()}, TWO_SENT, [], [bad])] == [wrong]


# -- a database that failed over to a copy ---------------------------------------------------------------


def test_a_client_of_a_log_that_is_no_more_needs_a_reset() -> None:
    lost = EpochLog("e", EVENTS[:4], was_cut=True)
    other = [*EVENTS[:2], EventContent(READ, 12, 1, "b"), EventContent(ADDED, 14, 2, "c")]
    now = inbox(
        lost, EpochLog("e", other), notifications={11: False, 12: True, 14: False}, unread=2
    )
    seen: list[Item] = [opened(2), *map(received, (3, 4))]
    here = [received(n, events=other) for n in (3, 4)]
    assert found(opened(2), *here, at=now) == []
    assert found(*seen, reset(4, "EPOCH"), at=now) == []
    assert found(*seen, reset(2, "AHEAD"), *here, at=now) == []
    assert found(*seen, at=now) == [Wrong.RESET_MISSING]
    assert found(opened(2), received(3), received(4, events=other), at=now) == [Wrong.RESET_MISSING]
