"""Deliveries are counted exactly: lost, doubled and disordered ones cannot hide."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.delivery_counter import Counts, DeliveryCounter, Receiver, Stream

pytestmark = pytest.mark.stack("embedded")


def published(delivery_counter: DeliveryCounter, count: int) -> Receiver:
    """Return a receiver of a stream to which so many events were published."""
    stream = Stream()
    receiver = Receiver(delivery_counter, stream)
    for number in range(count):
        assert stream.publish(float(number)) == number + 1
    return receiver


def counts(published_count: int, *deliveries: int) -> Counts:
    """Return what is counted of these deliveries."""
    delivery_counter = DeliveryCounter()
    receiver = published(delivery_counter, published_count)
    for sequence in deliveries:
        receiver.take(sequence)
    return delivery_counter.counts()


def test_what_comes_once_and_in_order_is_perfect() -> None:
    found = counts(3, 1, 2, 3)
    assert found == Counts(delivered=3, lost=0, doubled=0, disordered=0)
    assert found.is_perfect


def test_what_does_not_come_is_lost_in_the_middle_and_at_the_end() -> None:
    assert counts(4, 1, 3) == Counts(delivered=2, lost=2, doubled=0, disordered=0)


def test_what_comes_twice_is_doubled_and_not_delivered_again() -> None:
    assert counts(2, 1, 1, 2, 1) == Counts(delivered=2, lost=0, doubled=2, disordered=0)


def test_what_comes_late_is_disordered_and_not_lost() -> None:
    assert counts(3, 1, 3, 2) == Counts(delivered=3, lost=0, doubled=0, disordered=1)


def test_what_is_lost_by_one_socket_is_not_hidden_by_another() -> None:
    delivery_counter = DeliveryCounter()
    stream = Stream()
    here, there = Receiver(delivery_counter, stream), Receiver(delivery_counter, stream)
    stream.publish(0.0)
    here.take(1)
    here.take(1)
    assert delivery_counter.counts() == Counts(delivered=1, lost=1, doubled=1, disordered=0)
    assert (here.behind, there.behind, delivery_counter.outstanding) == (0, 1, 1)


def test_warm_ups_are_not_counted() -> None:
    delivery_counter = DeliveryCounter()
    receiver = published(delivery_counter, 1)
    receiver.take(0)
    assert receiver.is_warm
    assert delivery_counter.counts() == Counts(delivered=0, lost=1, doubled=0, disordered=0)


def test_a_socket_that_comes_later_expects_what_is_published_from_then_on() -> None:
    delivery_counter = DeliveryCounter()
    stream = Stream()
    stream.publish(0.0)
    receiver = Receiver(delivery_counter, stream)
    assert receiver.behind == 0
    stream.publish(0.0)
    receiver.take(2)
    assert delivery_counter.counts() == Counts(delivered=1, lost=0, doubled=0, disordered=0)


def test_what_was_not_published_yet_cannot_have_come_from_here() -> None:
    delivery_counter = DeliveryCounter()
    receiver = published(delivery_counter, 1)
    receiver.take(1)
    assert not receiver.is_ahead
    receiver.take(2)
    assert receiver.is_ahead


def test_an_event_is_late_from_the_moment_at_which_it_was_due() -> None:
    delivery_counter = DeliveryCounter(clock=lambda: 10.0)
    receiver = published(delivery_counter, 2)  # due at 0 and at 1
    delivery_counter.latencies = []
    receiver.take(1)
    receiver.take(1)
    receiver.take(2)
    assert delivery_counter.latencies == [10.0, 9.0]


def test_the_loop_is_woken_when_enough_has_come() -> None:
    delivery_counter = DeliveryCounter()
    receiver = published(delivery_counter, 3)
    woken: list[int] = []
    delivery_counter.wake_at = 2
    delivery_counter.wake = lambda: woken.append(delivery_counter.delivered)
    for sequence in (1, 1, 2, 3):
        receiver.take(sequence)
    assert woken == [2, 3]


@given(st.integers(1, 12), st.data())
def test_any_deliveries_are_counted_as_what_they_are(number: int, data: st.DataObject) -> None:
    sequences = st.lists(st.integers(1, number), max_size=24)
    deliveries = data.draw(sequences)
    seen: set[int] = set()
    doubled = disordered = 0
    for sequence in deliveries:
        doubled += sequence in seen
        disordered += sequence not in seen and any(earlier > sequence for earlier in seen)
        seen.add(sequence)
    assert counts(number, *deliveries) == Counts(len(seen), number - len(seen), doubled, disordered)
