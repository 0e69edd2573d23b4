"""The admin of inboxes: viewing, marking as read, checking and repairing."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from live_inbox import selectors, services
from live_inbox.admin import inboxes, selection
from live_inbox.events import Kind
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.models import Inbox
from tests.admin.conftest import MakeStaff
from tests.admin.device import Device, inbox_row

LIST = "/admin/live_inbox/inbox/"


def act(browser: Client, name: str, *users: User, **more: str) -> list[str]:
    data = {"action": name, "_selected_action": [user.pk for user in users], **more}
    response: Any = browser.post(LIST, data, follow=True)
    return [str(message) for message in response.context["messages"]]


@pytest.fixture(autouse=True)
def _notifications(alice: User, bob: User) -> None:
    services.send_many(recipient_ids=[alice.pk, bob.pk], title="x")
    services.send(recipient_id=alice.pk, title="y")
    services.mark_all_read(user_id=bob.pk)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["bob", "alice"]),
        ("q=ali", ["alice"]),
        ("content=unread", ["alice"]),
        ("content=read", ["bob"]),
        ("content=empty", []),
    ],
)
def test_the_list_is_searched_and_filtered(browser: Client, query: str, found: list[str]) -> None:
    rows = browser.get(f"{LIST}?{query}").context["cl"].result_list

    assert [row.user.username for row in rows] == found


def test_the_list_costs_the_same_at_any_length(browser: Client) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            browser.get(LIST)
        return len(queries)

    few = cost()
    users = [User.objects.create_user(f"user{number}") for number in range(20)]
    services.send_many(recipient_ids=[user.pk for user in users], title="x")

    assert cost() == few


def test_an_inbox_is_shown_and_cannot_be_changed(browser: Client, alice: User) -> None:
    before = inbox_row(alice)
    position = str(selectors.inbox_state(user_id=alice.pk).position)
    page = f"{LIST}{alice.pk}"

    assert position in browser.get(f"{page}/change/").content.decode()
    assert browser.post(f"{page}/change/", {"unread_count": 7}).status_code == 403
    assert browser.post(f"{page}/delete/", {"post": "yes"}).status_code == 403
    assert browser.get(f"{LIST}add/").status_code == 403
    act(browser, "delete_selected", alice, post="yes")
    assert inbox_row(alice) == before


def test_all_notifications_of_the_selected_inboxes_are_marked_as_read(
    browser: Client, alice: User, bob: User
) -> None:
    devices = Device(alice), Device(bob)

    assert act(browser, "mark_all_read", alice, bob) == ["Marked 2 notifications as read."]

    assert [device.receive_kinds() for device in devices] == [[Kind.ALL_READ], []]


def test_inboxes_are_checked(browser: Client, alice: User, bob: User) -> None:
    assert act(browser, "check_rows", alice, bob) == ["No problems found in the selected inboxes."]
    Inbox.objects.update(total_count=5)

    assert act(browser, "check_rows", alice) == [
        f"User {alice.pk}: 5 notifications are counted, 2 are there."
    ]
    assert len(list(check_inboxes())) == 2


def test_inboxes_are_repaired(browser: Client, alice: User, bob: User) -> None:
    epoch = Inbox.objects.get(pk=alice.pk).epoch
    Inbox.objects.update(total_count=5)

    assert act(browser, "repair", alice) == [
        f"User {alice.pk}: 5 notifications are counted, 2 are there; repaired."
    ]
    assert [finding.user for finding in check_inboxes()] == [str(bob.pk)]
    assert Inbox.objects.get(pk=alice.pk).epoch != epoch


def test_a_long_list_of_findings_is_truncated(
    browser: Client, alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inboxes, "MAX_FINDINGS_SHOWN", 1)
    Inbox.objects.update(total_count=5)

    assert act(browser, "check_rows", alice, bob)[1:] == ["And 1 more."]


@pytest.mark.parametrize("name", ["mark_all_read", "check_rows", "repair"])
def test_a_selection_over_the_limit_is_refused(
    browser: Client, alice: User, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(selection, "MAX_SELECTED", 1)
    before = inbox_row(alice)

    assert act(browser, name, alice, select_across="1") == [
        "Select at most 1 rows at a time. Nothing was changed."
    ]
    assert inbox_row(alice) == before


@pytest.mark.parametrize(
    ("codenames", "offered"),
    [
        (["view_inbox"], ["check_rows"]),
        (["view_inbox", "change_notification"], ["mark_all_read", "check_rows"]),
        (["view_inbox", "change_inbox"], ["check_rows", "repair"]),
    ],
)
def test_each_action_requires_its_permission(
    staff: MakeStaff, codenames: list[str], offered: list[str]
) -> None:
    form = staff(*codenames).get(LIST).context["action_form"]

    assert [name for name, _ in form.fields["action"].choices] == ["", *offered]
