"""A run in which something did nothing fails, and says what."""

from __future__ import annotations

import pytest

from tests.chaos import evidence
from tests.chaos.history import ADDED, COMMITTED, REFUSED, UNKNOWN, Claim

pytestmark = pytest.mark.stack("embedded")


def claim(outcome: str, *, path: str = "http", reason: str = "") -> Claim:
    return Claim("w", 7, ADDED, outcome, path=path, operation="keyed send", reason=reason)


def test_what_writers_did_is_counted_by_path_and_operation() -> None:
    claims = [claim(UNKNOWN), claim(UNKNOWN), claim(COMMITTED), claim(COMMITTED, path="service")]
    assert evidence.of_claims(claims) == {
        "attempt http": 2,
        "attempt http keyed send": 2,
        "commit http": 1,
        "commit http keyed send": 1,
        "commit service": 1,
        "commit service keyed send": 1,
    }


def test_a_writer_that_tries_and_never_commits_fails_the_run() -> None:
    counts = evidence.of_claims([claim(UNKNOWN)])
    failures = evidence.idle(counts, evidence.required_of_writers())
    assert "did nothing: commit http keyed send" in failures


def test_every_path_operation_and_field_is_required() -> None:
    required = set(evidence.required_of_writers())
    assert {
        "commit socket mark_all_read",
        "commit http set_preference",
        "commit service keyed send_many",
        "suppressed http unwanted send",
        "compared writer socket.message",
        "commit json delete",
        "commit json set_preference",
        "commit json edit",
        "commit json recall",
        "commit json send_many",
        "suppressed json unwanted send",
        "compared writer json.data",
        "events expired",
    } <= required


def test_every_field_has_to_be_compared_for_each_kind_of_client() -> None:
    required = set(evidence.required_of_checker(["transport", "limited", "original"]))
    assert {
        "compared transport event.message",
        "compared transport event.data",
        "compared limited event.message",
        "compared limited advance.unread",
        "compared transport final list.read_at",
        "compared original event.message",
        "compared original final list.order",
    } <= required
    assert "compared original event.sender" not in required


def test_refusals_are_failures_unless_they_are_expected() -> None:
    claims = [
        claim(REFUSED, reason="GRAPHQL_VALIDATION_FAILED : Cannot query field 'position'"),
        claim(REFUSED, reason="NOT_FOUND : no such notification"),
        claim(REFUSED, reason="BAD_USER_INPUT upTo: not a position of this inbox"),
    ]
    found = evidence.unexpected_refusals(claims, positions_end=True)
    assert found == [
        "refused 1 times: http keyed send: GRAPHQL_VALIDATION_FAILED : Cannot query field 'position'"
    ]
    assert len(evidence.unexpected_refusals(claims, positions_end=False)) == 2
