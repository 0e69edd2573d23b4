"""The admin of notifications: viewing, marking and deleting. Connected devices receive each change."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from live_inbox import services
from live_inbox.admin import notification_list, selection
from live_inbox.clock import clock
from live_inbox.events import Kind
from live_inbox.models import Notification
from tests.admin.conftest import MakeStaff
from tests.admin.device import Device, inbox_row
from tests.admin.page_form import form_values
from tests.changed_settings import changed_settings

LIST = "/admin/live_inbox/notification/"
CATEGORIES = {
    "billing.invoice": {"category": "billing"},
    "billing.payment": {"category": "billing"},
    "report": {"category": "work"},
    "general": {},
}


def page(notification: Notification, name: str = "change") -> str:
    return f"{LIST}{notification.pk}/{name}/"


def send(user: User, title: str = "x", **content: Any) -> Notification:
    notification = services.send(recipient_id=user.pk, title=title, **content).notification
    assert notification is not None
    return notification


def act(browser: Client, name: str, *chosen: Notification, **more: str) -> Any:
    data = {"action": name, "_selected_action": [str(row.pk) for row in chosen], **more}
    return browser.post(LIST, data, follow=True)


def messages(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def hidden(browser: Client, notification: Notification) -> dict[str, str]:
    """Return the hidden form fields with the state that the page shows."""
    shown = browser.get(page(notification)).content.decode()
    (value,) = re.findall(r'<input type="hidden" name="initial-read" value="(\w+)"', shown)
    return {"initial-read": value}


def titles(response: Any) -> list[str]:
    return [row.title for row in response.context["cl"].result_list]


# -- the list --------------------------------------------------------------------------------------------


def test_the_list_shows_the_newest_first(browser: Client, alice: User) -> None:
    for title in ("one", "two", "three"):
        send(alice, title)

    assert titles(browser.get(LIST)) == ["three", "two", "one"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=ali", ["unread of alice", "read of alice"]),
        ("q=of+bob", ["approval of bob"]),
        ("q=the+text", ["unread of alice"]),
        ("read=yes", ["read of alice"]),
        ("read=no", ["approval of bob", "unread of alice"]),
        ("type=approval", ["approval of bob"]),
        ("type=nothing", []),
        ("read=no&type=general", ["unread of alice"]),
        ("created_at__year=2020", ["approval of bob"]),
    ],
)
def test_the_list_is_searched_and_filtered(
    browser: Client, alice: User, bob: User, query: str, found: list[str]
) -> None:
    read = send(alice, "read of alice")
    services.mark_read(user_id=alice.pk, notification_id=read.pk)
    send(alice, "unread of alice", message="This is THE TEXT.")
    send(bob, "approval of bob", type="approval", now=datetime(2020, 5, 1, tzinfo=UTC))

    assert titles(browser.get(f"{LIST}?{query}")) == found


def test_the_type_filter_offers_the_types_in_use(browser: Client, alice: User) -> None:
    send(alice, type="report")

    response = browser.get(LIST)

    (types,) = (spec for spec in response.context["cl"].filter_specs if spec.title == "type")
    assert ("report", "report") in types.lookup_choices


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("folder=archive", ["archived"]),
        ("folder=snoozed", ["snoozed"]),
        ("folder=inbox", ["urgent", "pinned"]),
        ("folder=nowhere", []),
        ("priority=urgent", ["urgent"]),
        ("priority=normal", ["snoozed", "archived", "pinned"]),
        ("pinned=yes", ["pinned"]),
        ("pinned=no", ["urgent", "snoozed", "archived"]),
        ("pinned=x", ["urgent", "snoozed", "archived", "pinned"]),
        ("category=billing", ["archived", "pinned"]),
        ("category=nothing", []),
        ("category=billing&pinned=yes&folder=inbox&priority=normal", ["pinned"]),
    ],
)
def test_the_list_is_filtered_by_folder_priority_pin_and_category(
    browser: Client, alice: User, query: str, found: list[str]
) -> None:
    pinned = send(alice, "pinned", type="billing.invoice")
    services.pin(user_id=alice.pk, notification_id=pinned.pk)
    archived = send(alice, "archived", type="billing.payment")
    services.archive(user_id=alice.pk, notification_id=archived.pk)
    snoozed = send(alice, "snoozed")
    later = datetime.now(UTC) + timedelta(days=1)
    services.snooze(user_id=alice.pk, notification_id=snoozed.pk, until=later)
    send(alice, "urgent", priority="urgent")

    with changed_settings(TYPES=CATEGORIES):
        assert titles(browser.get(f"{LIST}?{query}")) == found


def test_the_filters_have_their_choices(browser: Client) -> None:
    def offered() -> dict[str, list[str]]:
        *specs, by_date = browser.get(LIST).context["cl"].filter_specs
        assert by_date.title == "created at"
        return {spec.parameter_name: [key for key, _ in spec.lookup_choices] for spec in specs}

    with changed_settings(TYPES={}):
        assert offered() == {
            "read": ["yes", "no"],
            "folder": ["inbox", "archive", "snoozed", "grouped"],
            "priority": ["urgent", "high", "normal", "low"],
            "pinned": ["yes", "no"],
        }
    with changed_settings(TYPES=CATEGORIES):
        assert offered()["category"] == ["billing", "work"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["newer", "new", "old"]),
        ("read=no", ["newer", "new"]),
        ("folder=inbox&pinned=no", ["newer", "new"]),
        ("folder=inbox&q=old", ["old"]),
        ("folder=inbox&created_at__year=2020", ["old"]),
    ],
)
def test_filters_alone_choose_from_the_newest_rows(
    browser: Client, alice: User, monkeypatch: pytest.MonkeyPatch, query: str, found: list[str]
) -> None:
    monkeypatch.setattr(notification_list, "FILTERED_ROWS", 2)
    send(alice, "old", now=datetime(2020, 5, 1, tzinfo=UTC))
    send(alice, "new")
    send(alice, "newer")

    response = browser.get(f"{LIST}?{query}")

    assert titles(response) == found
    assert response.context["cl"].result_count == len(found)


def test_the_rows_of_the_choices_are_not_counted(browser: Client, alice: User) -> None:
    """Django would count those of each in the whole table."""
    send(alice)

    assert "_facets" not in browser.get(LIST).content.decode()
    assert not browser.get(f"{LIST}?_facets=True").context["cl"].add_facets


def test_the_list_shows_what_is_not_as_usual(browser: Client, alice: User) -> None:
    def badges() -> list[str]:
        cell = browser.get(LIST).content.decode().partition('class="field-state"')[2]
        return re.findall(r'inbox-badge inbox-([\w-]+)"', cell.partition("</td>")[0])

    notification = send(alice)
    assert badges() == ["state-unread"]
    services.pin(user_id=alice.pk, notification_id=notification.pk)
    assert badges() == ["state-unread", "place-pinned"]
    services.delete_all(user_id=alice.pk)
    notification = send(alice, priority="high")
    services.archive(user_id=alice.pk, notification_id=notification.pk)
    assert badges() == ["state-unread", "priority-high", "place-archive"]


def test_the_list_is_filtered_by_date(browser: Client, alice: User) -> None:
    now = datetime.now(UTC)
    send(alice, "Long ago", now=datetime(2024, 5, 1, tzinfo=UTC))
    send(alice, "Now", now=now)

    page = browser.get(LIST).content.decode()
    assert "Any date" in page
    since = (now - timedelta(days=7)).isoformat()
    found = browser.get(LIST, {"created_at__gte": since}).context["cl"].queryset
    assert [each.title for each in found] == ["Now"]


def test_the_list_looks_for_no_date_in_the_whole_table(browser: Client, alice: User) -> None:
    send(alice)
    with CaptureQueriesContext(connection) as queries:
        browser.get(LIST)
    assert [each["sql"] for each in queries if "MIN(" in each["sql"]] == []


def test_the_list_costs_the_same_at_any_length(browser: Client, alice: User, bob: User) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(LIST).status_code == 200
        return len(queries)

    send(alice, sender_id=bob.pk)
    browser.get(LIST)  # content types are looked up once
    one = cost()
    for number in range(30):
        user = User.objects.create_user(f"user{number}")
        send(user, sender_id=bob.pk)

    assert cost() == one


# -- one notification ------------------------------------------------------------------------------------


def test_a_notification_is_shown_with_its_data(browser: Client, alice: User) -> None:
    notification = send(
        alice, "Hello", message="World", data={"order": [7]}, link="/orders/7", group_key="order-7"
    )

    shown = browser.get(page(notification)).content.decode()

    for text in ("Hello", "World", "/orders/7", "&quot;order&quot;: [", "order-7"):
        assert text in shown


def test_only_texts_and_the_link_can_be_changed(browser: Client, alice: User, bob: User) -> None:
    notification = send(alice, "Hello", data={"order": 7})
    before = Notification.objects.values().get()

    form = {"recipient": bob.pk, "type": "other", "data": "{}", "expires_at": "2040-01-01"}
    response = browser.post(page(notification), form)

    assert response.status_code == 302
    assert Notification.objects.values().get() == before


def texts(notification: Notification, **changes: str) -> dict[str, str]:
    """Return the form as a page shows it, with changes."""
    shown = {name: getattr(notification, name) for name in ("title", "message", "link")}
    return {f"initial-{name}": value for name, value in shown.items()} | shown | changes


def test_texts_are_edited_in_place(browser: Client, alice: User) -> None:
    notification = send(alice, "Hello", message="Wrong")
    device = Device(alice)

    browser.post(page(notification), texts(notification, message="Right", link="/orders/7"))

    assert device.receive_kinds() == [Kind.EDITED]
    row = Notification.objects.get()
    assert (row.title, row.message, row.link, row.read) == ("Hello", "Right", "/orders/7", False)
    assert LogEntry.objects.get().get_change_message() == "Changed message and link."


def test_text_that_is_not_acceptable_is_shown_again(browser: Client, alice: User) -> None:
    notification = send(alice, "Hello")
    device = Device(alice)

    for changes in ({"title": " "}, {"link": "javascript:x"}):
        response = browser.post(page(notification), texts(notification, **changes))
        assert response.status_code == 200
        assert list(response.context["adminform"].errors) == list(changes)

    assert device.receive() == []


def test_who_may_not_send_cannot_edit(staff: MakeStaff, alice: User) -> None:
    notification = send(alice, "Hello")
    device = Device(alice)

    browser = staff("change_notification", "view_notification")
    browser.post(page(notification), texts(notification, title="Bye"))

    assert device.receive() == []
    assert Notification.objects.get().title == "Hello"


@pytest.mark.parametrize(("box", "kind"), [("on", Kind.READ), ("", Kind.UNREAD)])
def test_a_box_marks_it_as_read_or_unread(
    browser: Client, alice: User, box: str, kind: Kind
) -> None:
    notification = send(alice)
    if kind is Kind.UNREAD:
        services.mark_read(user_id=alice.pk, notification_id=notification.pk)
    device = Device(alice)

    form = {"read": box} if box else {}
    browser.post(page(notification), hidden(browser, notification) | form)

    assert device.receive_kinds() == [kind]
    assert LogEntry.objects.get().get_change_message() == "Changed Read."


def shown_form(browser: Client, notification: Notification) -> dict[str, str]:
    """Return what a browser posts of the page when nothing is changed."""
    return form_values(browser.get(page(notification)).content.decode(), "notification_form")


def test_it_is_pinned_and_moved_on_its_page(browser: Client, alice: User) -> None:
    notification = send(alice)
    device = Device(alice)
    tomorrow = clock.now() + timedelta(days=1)
    snoozed = {
        "snoozed_until_0": f"{tomorrow:%Y-%m-%d}",
        "snoozed_until_1": f"{tomorrow:%H:%M:%S}",
    }

    for changes, kinds, place in (
        ({"pinned": "on"}, [Kind.PINNED], ("inbox", True)),
        ({"folder": "archive"}, [Kind.ARCHIVED], ("archive", True)),
        ({"folder": "inbox"}, [Kind.UNARCHIVED], ("inbox", True)),
        ({"folder": "snoozed", **snoozed}, [Kind.SNOOZED], ("snoozed", True)),
        ({"folder": "inbox", "read": "on"}, [Kind.RETURNED, Kind.READ], ("inbox", True)),
        ({}, [], ("inbox", True)),
    ):
        response = browser.post(page(notification), shown_form(browser, notification) | changes)
        assert response.status_code == 302
        assert device.receive_kinds() == kinds
        row = Notification.objects.get()
        assert (row.folder, row.pinned) == place

    assert [entry.get_change_message() for entry in LogEntry.objects.order_by("pk")] == [
        "Changed pinned.",
        "Changed folder.",
        "Changed folder.",
        "Changed folder and Snoozed until.",
        "Changed folder and Read.",
        "No fields changed.",
    ]


@pytest.mark.parametrize(
    ("date", "error"),
    [
        ("", "Say until when."),
        ("2020-01-01", "until must be later than now."),
        ("2999-01-01", "until must be at most 366 days away."),
        ("tomorrow", "Enter a valid date."),
    ],
)
def test_a_snooze_that_is_not_acceptable_is_shown_again(
    browser: Client, alice: User, date: str, error: str
) -> None:
    notification = send(alice)
    device = Device(alice)
    time = "10:00:00" if date else ""
    changes = {"folder": "snoozed", "snoozed_until_0": date, "snoozed_until_1": time}

    response = browser.post(page(notification), shown_form(browser, notification) | changes)

    assert response.context["adminform"].errors == {"snoozed_until": [error]}
    assert device.receive() == []


def test_a_pin_beyond_the_limit_changes_nothing(browser: Client, alice: User) -> None:
    with changed_settings(MAX_PINNED_NOTIFICATIONS=1):
        pinned, notification = send(alice, "pinned"), send(alice)
        services.pin(user_id=alice.pk, notification_id=pinned.pk)
        device = Device(alice)
        changes = {"pinned": "on", "title": "Other"}

        response = browser.post(
            page(notification), shown_form(browser, notification) | changes, follow=True
        )

        assert messages(response) == [
            "Nothing was changed. At most 1 notifications can be pinned: unpin another one first."
        ]
        assert device.receive() == []
        assert messages(act(browser, "pin", pinned, notification)) == [
            "Pinned 0 notifications.",
            "Left 1 notification as before. "
            "At most 1 notifications can be pinned: unpin another one first.",
        ]


def test_one_that_is_folded_stays_in_its_place(browser: Client, alice: User) -> None:
    folded = send(alice, "first", group_key="orders")
    send(alice, "second", group_key="orders")
    device = Device(alice)

    assert "folder" not in shown_form(browser, folded)
    browser.post(page(folded), {"folder": "archive", "initial-folder": "inbox"})

    assert device.receive() == []


def test_saving_an_unchanged_page_does_not_undo_a_later_change_by_the_user(
    browser: Client, alice: User
) -> None:
    notification = send(alice)
    untouched = hidden(browser, notification)
    services.mark_read(user_id=alice.pk, notification_id=notification.pk)
    device = Device(alice)

    browser.post(page(notification), untouched)

    assert device.receive() == []


def test_a_notification_is_deleted(browser: Client, alice: User) -> None:
    kept, notification = send(alice, "kept"), send(alice, "gone")
    device = Device(alice)

    asked = browser.get(page(notification, "delete"))
    assert "Are you sure" in asked.content.decode()
    assert device.receive() == []
    response = browser.post(page(notification, "delete"), {"post": "yes"})

    assert response.headers["Location"] == LIST
    assert device.receive_kinds() == [Kind.DELETED]
    assert list(Notification.objects.all()) == [kept]
    assert LogEntry.objects.get().is_deletion()


@pytest.mark.parametrize(
    ("name", "form"), [("delete", {"post": "yes"}), ("change", {"read": "on"})]
)
def test_a_notification_that_its_user_deletes_concurrently(
    browser: Client,
    alice: User,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    form: dict[str, str],
) -> None:
    notification = send(alice)
    delete, mark_read = services.delete, services.mark_read

    def overtaken(service: Any) -> Any:
        def call(**arguments: Any) -> object:
            delete(user_id=alice.pk, notification_id=notification.pk)
            return service(**arguments)

        return call

    monkeypatch.setattr(services, "delete", overtaken(delete))
    monkeypatch.setattr(services, "mark_read", overtaken(mark_read))

    response = browser.post(page(notification, name), form, follow=True)

    assert response.redirect_chain == [(LIST, 302)]
    assert messages(response) == ["The user has deleted this notification."]
    assert not LogEntry.objects.exists()


def test_a_deleted_notification(browser: Client, alice: User) -> None:
    notification = send(alice)
    services.delete(user_id=alice.pk, notification_id=notification.pk)

    assert browser.get(page(notification)).status_code == 302
    assert browser.get(page(notification, "history")).status_code == 302


# -- many notifications ----------------------------------------------------------------------------------


def test_the_selected_notifications_are_marked_as_read(
    browser: Client, alice: User, bob: User
) -> None:
    chosen = [send(alice), send(alice), send(bob)]
    send(alice, "not chosen")
    services.mark_read(user_id=alice.pk, notification_id=chosen[0].pk)
    devices = Device(alice), Device(bob)

    response = act(browser, "mark_read", *chosen)

    assert [device.receive_kinds() for device in devices] == [[Kind.READ], [Kind.READ]]
    assert messages(response) == ["Marked 2 notifications as read."]
    assert LogEntry.objects.count() == 2


def test_the_selected_notifications_are_marked_as_unread(browser: Client, alice: User) -> None:
    notification = send(alice)
    services.mark_all_read(user_id=alice.pk)
    device = Device(alice)

    response = act(browser, "mark_unread", notification)

    assert device.receive_kinds() == [Kind.UNREAD]
    assert messages(response) == ["Marked 1 notification as unread."]


def test_the_selected_notifications_are_moved_and_pinned(browser: Client, alice: User) -> None:
    notification = send(alice)
    device = Device(alice)

    for name, kinds, message in (
        ("archive", [Kind.ARCHIVED], "Archived 1 notification."),
        ("archive", [], "Archived 0 notifications."),
        ("unarchive", [Kind.UNARCHIVED], "Moved 1 notification out of the archive."),
        ("pin", [Kind.PINNED], "Pinned 1 notification."),
        ("unpin", [Kind.UNPINNED], "Unpinned 1 notification."),
    ):
        assert messages(act(browser, name, notification)) == [message]
        assert device.receive_kinds() == kinds


def test_the_selected_notifications_are_deleted(browser: Client, alice: User, bob: User) -> None:
    chosen = [send(alice), send(alice), send(bob)]
    kept = send(alice, "kept")
    services.mark_read(user_id=alice.pk, notification_id=chosen[0].pk)
    devices = Device(alice), Device(bob)

    asked = act(browser, "delete_selected", *chosen)
    assert "Are you sure" in asked.content.decode()
    assert [device.receive() for device in devices] == [[], []]
    act(browser, "delete_selected", *chosen, post="yes")

    assert [device.receive_kinds() for device in devices] == [[Kind.DELETED] * 2, [Kind.DELETED]]
    assert list(Notification.objects.all()) == [kept]


@pytest.mark.parametrize("name", ["mark_read", "delete_selected"])
def test_notifications_that_their_user_deletes_concurrently_are_skipped(
    browser: Client, alice: User, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    chosen = [send(alice), send(alice)]
    device = Device(alice)
    delete, mark_read = services.delete, services.mark_read
    overtaken = iter([True])

    def overtake(service: Any) -> Any:
        def call(**arguments: Any) -> object:
            if next(overtaken, False):
                delete(**arguments)
            return service(**arguments)

        return call

    monkeypatch.setattr(services, "delete", overtake(delete))
    monkeypatch.setattr(services, "mark_read", overtake(mark_read))

    act(browser, name, *chosen, post="yes")

    last = Kind.READ if name == "mark_read" else Kind.DELETED
    assert device.receive_kinds() == [Kind.DELETED, last]


@pytest.mark.parametrize("name", ["mark_read", "mark_unread", "delete_selected"])
def test_a_selection_over_the_limit_is_refused(
    browser: Client, alice: User, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(selection, "MAX_SELECTED", 2)
    chosen = [send(alice) for _ in range(3)]
    device = Device(alice)

    response = act(browser, name, chosen[0], select_across="1", post="yes")

    assert messages(response) == ["Select at most 2 rows at a time. Nothing was changed."]
    assert device.receive() == []


# -- permissions -----------------------------------------------------------------------------------------


def test_the_view_permission_alone_changes_nothing(staff: MakeStaff, alice: User) -> None:
    browser = staff("view_notification")
    notification = send(alice)
    before = inbox_row(alice)

    assert titles(browser.get(LIST)) == ["x"]
    assert browser.get(page(notification)).status_code == 200
    assert browser.post(page(notification), {"read": "on"}).status_code == 403
    assert browser.post(page(notification, "delete"), {"post": "yes"}).status_code == 403
    for name in ("mark_read", "mark_unread", "delete_selected"):
        act(browser, name, notification, post="yes")

    assert inbox_row(alice) == before


def test_each_action_requires_its_permission(staff: MakeStaff, alice: User) -> None:
    browser = staff("view_notification", "change_notification")

    offered = [
        name for name, _ in browser.get(LIST).context["action_form"].fields["action"].choices
    ]

    assert offered == ["", "mark_read", "mark_unread", "archive", "unarchive", "pin", "unpin"]


@pytest.mark.parametrize("codename", ["view_inbox", "send_notification"])
def test_viewing_requires_the_permission(staff: MakeStaff, alice: User, codename: str) -> None:
    browser = staff(codename)
    notification = send(alice)

    assert browser.get(LIST).status_code == 403
    assert browser.get(page(notification)).status_code == 403


def test_an_anonymous_user_gets_the_login_page(client: Client, alice: User) -> None:
    response = client.get(LIST)

    assert response.headers["Location"] == f"/admin/login/?next={LIST}"


def test_the_history_keeps_no_content_of_what_is_deleted(browser: Client, alice: User) -> None:
    rows = [send(alice, f"one-time password {n}") for n in range(3)]
    browser.post(page(rows[0]), {"read": "on", **hidden(browser, rows[0])})
    act(browser, "mark_read", rows[1])
    browser.post(page(rows[0], "delete"), {"post": "yes"})
    act(browser, "delete_selected", *rows[1:], post="yes")

    entries = LogEntry.objects.order_by("pk")
    assert not Notification.objects.exists()
    assert [entry.action_flag for entry in entries] == [
        CHANGE,
        CHANGE,
        DELETION,
        DELETION,
        DELETION,
    ]
    assert {entry.object_repr for entry in entries} == {f"Notification {row.pk}" for row in rows}
    assert "password" not in str(list(entries.values()))
    assert f"Notification {rows[2].pk}" in browser.get("/admin/").content.decode()


def test_selected_notifications_are_recalled_after_confirmation(
    browser: Client, alice: User
) -> None:
    kept, wrong = send(alice, "kept"), send(alice, "wrong")
    device = Device(alice)

    asked = act(browser, "recall", wrong)
    assert "wrong" in asked.content.decode()
    assert device.receive() == []
    response = act(browser, "recall", wrong, agreed="yes")

    assert messages(response) == ["Recalled 1 notification."]
    assert device.receive_kinds() == [Kind.RECALLED]
    assert list(Notification.objects.all()) == [kept]
    entry = LogEntry.objects.get()
    assert (entry.action_flag, entry.object_repr) == (DELETION, f"Notification {wrong.pk}")


def test_who_may_not_send_cannot_recall(staff: MakeStaff, alice: User) -> None:
    notification = send(alice)

    act(staff("view_notification", "change_notification"), "recall", notification, agreed="yes")

    assert Notification.objects.get() == notification
