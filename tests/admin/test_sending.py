"""The send form: one, several or all recipients, and every error."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import partial
from json import JSONDecoder, dumps
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client

from live_inbox import services
from live_inbox.admin import sending
from live_inbox.errors import Forbidden
from live_inbox.events import Kind
from live_inbox.maintenance.expiry import expire_due
from live_inbox.models import InboxEvent, Notification
from tests.admin.conftest import MakeStaff
from tests.admin.device import Device
from tests.changed_settings import changed_settings
from tests.domain.concurrency import THREADS, at_once

ADD = "/admin/live_inbox/notification/add/"
LIST = "/admin/live_inbox/notification/"


def submit(browser: Client, *recipients: User, **fields: Any) -> Any:
    form = {"recipients": [user.pk for user in recipients], "type": "general", "title": "Hello"}
    return browser.post(ADD, form | fields)


def errors(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 200
    found = dict(response.context["adminform"].form.errors)
    for messages in found.values():
        for message in messages:
            assert message in response.content.decode().replace("&#x27;", "'")
    return found


def shown_messages(browser: Client) -> list[str]:
    return [str(message) for message in browser.get(LIST).context["messages"]]


def test_the_list_leads_to_the_form(browser: Client) -> None:
    assert (
        f'<a href="{ADD}" class="addlink">Send notification</a>'
        in browser.get(LIST).content.decode()
    )

    form = browser.get(ADD).content.decode()

    assert 'value="Send"' in form
    assert re.search(r'<textarea name="data"[^>]*>\s*{}</textarea>', form)
    for name in ("actor", "target", "actions"):
        assert re.search(rf'<textarea name="{name}"[^>]*>\s*</textarea>', form)
    assert "null</textarea>" not in form
    assert "Save" not in form


def test_one_user_is_sent_a_notification(browser: Client, boss: User, alice: User) -> None:
    device = Device(alice)

    content = {"type": "orders.new", "message": "World", "link": "/orders/7", "data": '{"a": [1]}'}
    response = submit(browser, alice, **content)

    assert response.headers["Location"] == LIST
    (event,) = device.receive()
    snapshot = event.notification
    assert snapshot is not None
    assert (snapshot.type, snapshot.title, snapshot.message) == ("orders.new", "Hello", "World")
    assert (snapshot.link, snapshot.data) == ("/orders/7", {"a": [1]})
    assert snapshot.sender is not None
    assert snapshot.sender.username == "boss"
    assert shown_messages(browser) == ["Sent to 1 user."]
    entry = LogEntry.objects.get()
    assert entry.is_addition()
    assert entry.object_id == str(snapshot.id)


def test_a_notification_can_have_an_expiry(browser: Client, alice: User) -> None:
    device = Device(alice)

    submit(browser, alice, expires_at_0="2124-05-01", expires_at_1="12:30:00")

    (event,) = device.receive()
    assert event.notification is not None
    assert event.notification.expires_at == datetime(2124, 5, 1, 12, 30, tzinfo=UTC)
    shown = browser.get(f"/admin/live_inbox/notification/{event.notification_id}/change/")
    assert "May 1, 2124, 12:30 p.m." in shown.content.decode()
    expire_due(now=datetime(2124, 5, 1, 12, 30, tzinfo=UTC))
    assert device.receive_kinds() == [Kind.EXPIRED]


def test_many_users_are_sent_a_notification(browser: Client, alice: User, bob: User) -> None:
    devices = Device(alice), Device(bob)

    submit(browser, alice, bob)

    assert [device.receive_kinds() for device in devices] == [[Kind.ADDED], [Kind.ADDED]]
    assert shown_messages(browser) == ["Sent to 2 users."]
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.object_repr) == (None, "Hello")
    assert entry.get_change_message() == "Sent to 2 users."
    assert "Hello" in browser.get("/admin/").content.decode()


def test_all_active_users_are_sent_a_notification(
    browser: Client, boss: User, alice: User, bob: User
) -> None:
    User.objects.filter(pk=bob.pk).update(is_active=False)

    submit(browser, everybody="on")

    recipients = Notification.objects.values_list("recipient__username", flat=True)
    assert sorted(recipients) == ["alice", "boss"]
    assert shown_messages(browser) == ["Sent to 2 users."]


def test_more_users_than_a_bulk_may_have_are_refused(
    browser: Client, boss: User, alice: User, bob: User
) -> None:
    with changed_settings(MAX_BULK_RECIPIENTS=2):
        response = submit(browser, everybody="on")

    assert errors(response) == {"recipients": ["A bulk has 2 recipients at most."]}
    assert not Notification.objects.exists()


def test_users_who_turned_the_type_off_receive_nothing(
    browser: Client, alice: User, bob: User
) -> None:
    services.set_preference(user_id=alice.pk, type="general", enabled=False)

    submit(browser, alice, bob)
    assert shown_messages(browser) == ["Sent to 1 user. 1 turned off this type."]
    submit(browser, alice)
    assert shown_messages(browser) == ["Sent to 0 users. 1 turned off this type."]

    assert list(Notification.objects.values_list("recipient__username", flat=True)) == ["bob"]


def token_of(browser: Client) -> str:
    (token,) = re.findall(
        r'<input type="hidden" name="token" value="([0-9a-f]{32})"',
        browser.get(ADD).content.decode(),
    )
    return str(token)


@pytest.mark.parametrize("many", [False, True])
def test_a_form_that_is_submitted_twice_sends_once(
    browser: Client, alice: User, bob: User, many: bool
) -> None:
    recipients = (alice, bob) if many else (alice,)
    token = token_of(browser)

    assert submit(browser, *recipients, token=token).status_code == 302
    assert submit(browser, *recipients, token=token).status_code == 302

    assert Notification.objects.count() == LogEntry.objects.count() + many == 1 + many
    users = "2 users" if many else "1 user"
    assert shown_messages(browser) == [
        f"Sent to {users}.",
        f"Already sent to {users}. Nothing was sent again.",
    ]


def test_a_form_that_is_submitted_again_with_more_recipients_reaches_the_others(
    browser: Client, alice: User, bob: User
) -> None:
    token = token_of(browser)
    submit(browser, alice, token=token)
    submit(browser, alice, bob, token=token)
    assert shown_messages(browser)[1:] == ["Sent to 1 user. 1 user had it already."]
    assert Notification.objects.count() == 2


def test_other_forms_and_other_content_are_other_notifications(
    browser: Client, alice: User
) -> None:
    first, second = token_of(browser), token_of(browser)
    assert first != second
    for token, title in ((first, "a"), (second, "a"), (first, "b"), ("", "a"), ("", "a")):
        submit(browser, alice, token=token, title=title)
    assert Notification.objects.count() == LogEntry.objects.count() == 5


def test_a_refused_form_keeps_its_token(browser: Client, alice: User) -> None:
    token = token_of(browser)
    assert f'value="{token}"' in submit(browser, alice, title=" ", token=token).content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_double_click_sends_once(boss: User, alice: User, bob: User) -> None:
    browsers = [Client() for _ in range(THREADS)]
    for browser in browsers:
        browser.force_login(boss)
    for n, recipients in enumerate([(alice,), (alice, bob)]):
        posts = [partial(submit, browser, *recipients, token=f"t{n}") for browser in browsers]
        assert [getattr(each, "status_code", each) for each in at_once(*posts)] == [302] * THREADS
    assert Notification.objects.count() == 3


def test_a_notification_can_have_parts(browser: Client, boss: User, alice: User) -> None:
    parts = {
        "icon": "receipt",
        "actor": f'{{"user": {boss.pk}, "picture": "/boss.png"}}',
        "target": '{"type": "shop.order", "id": 7}',
        "actions": '[{"label": "Pay", "id": "pay"}]',
        "format": "markdown",
    }
    assert submit(browser, alice, **parts).headers["Location"] == LIST
    sent = Notification.objects.get()
    assert (sent.icon, sent.format) == ("receipt", "markdown")
    assert sent.actor == {"user": str(boss.pk), "name": "boss", "picture": "/boss.png"}
    assert sent.target == {"type": "shop.order", "id": "7"}
    assert sent.actions == [{"label": "Pay", "id": "pay"}]
    page = browser.get(f"{LIST}{sent.pk}/change/").content.decode()
    for text in ("receipt", "/boss.png", "shop.order", "&quot;pay&quot;", "markdown"):
        assert text in page


def test_an_actor_may_be_named_where_the_policy_lets_the_sender_send(
    staff: MakeStaff, alice: User, bob: User
) -> None:
    browser = staff("send_notification")
    policy = "tests.admin.test_sending.only_to_alice"
    with changed_settings(SEND_POLICY=policy):
        for actor in (f'{{"user": {bob.pk}}}', str(bob.pk)):
            refused = errors(submit(browser, alice, actor=actor))
            assert refused == {"recipients": ["You may not name this user as the actor."]}
        assert not Notification.objects.exists()
        submit(browser, alice, actor=str(alice.pk))
        submit(browser, alice, actor='"Bob"')
    assert [each.actor for each in Notification.objects.order_by("pk")] == [
        {"user": str(alice.pk), "name": "alice"},
        {"name": "Bob"},
    ]


def only_to_alice(caller: User, recipient_id: str, scopes: frozenset[str]) -> bool:
    """A project's SEND_POLICY."""
    return User.objects.get(pk=recipient_id).username == "alice"


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"icon": "javascript:x"}, "icon", "icon must be a path or an http(s) address."),
        ({"actor": '{"picture": "/a"}'}, "actor", "An actor is a user or has a name."),
        ({"actor": "[" * 5000}, "actor", "Enter a valid JSON."),
        (
            {"target": '{"type": "order", "id": 7}'},
            "target",
            "The type of a target is a model, such as shop.order.",
        ),
        ({"actions": '{"label": "Pay"}'}, "actions", "actions must be a list."),
        ({"actions": '[{"label": "Pay"}]'}, "actions", "An action has either an id or a link."),
        ({"title": ""}, "title", "This field is required."),
        ({"title": "x" * 201}, "title", "title must have 200 characters at most."),
        ({"type": ""}, "type", "This field is required."),
        (
            {"type": "no blanks"},
            "type",
            "A type consists of letters, digits, '-', '_' and '.', and begins with a letter or digit.",
        ),
        ({"message": "x" * 4001}, "message", "message must have 4000 characters at most."),
        (
            {"title": "photo_\u202egpj.exe"},
            "title",
            "title must not override the direction of text (U+202D, U+202E).",
        ),
        ({"link": "javascript:alert(1)"}, "link", "link must be a path or an http(s) address."),
        ({"data": "[1]"}, "data", "data must be a JSON object."),
        ({"data": "[]"}, "data", "data must be a JSON object."),
        ({"actor": "{}"}, "actor", "An actor is a user or has a name."),
        ({"actor": "[]"}, "actor", "actor must be made of objects."),
        ({"actor": "0"}, "actor", "There is no such user."),
        ({"target": "{}"}, "target", "A target has a type and an id."),
        ({"target": "false"}, "target", "target must be made of objects."),
        ({"actions": "{}"}, "actions", "actions must be a list."),
        ({"actions": '"Open"'}, "actions", "actions must be a list."),
        ({"actions": "[{}]"}, "actions", "An action has a label."),
        ({"data": "{"}, "data", "Enter a valid JSON."),
        (
            {"expires_at_0": "2001-01-01", "expires_at_1": "00:00"},
            "expires_at",
            "expires_at must be later than now.",
        ),
        ({"expires_at_0": "2124-01-01"}, "expires_at", "Enter a valid time."),
        ({"expires_at_1": "00:00"}, "expires_at", "Enter a valid date."),
        ({"recipients": []}, "recipients", "Select users, a topic, or all active users."),
        ({"everybody": "on"}, "recipients", "Select users, a topic, or all active users."),
        (
            {"recipients": ["0"]},
            "recipients",
            "Select a valid choice. 0 is not one of the available choices.",
        ),
    ],
)
@pytest.mark.parametrize("many", [False, True])
def test_errors_appear_beside_the_field(
    browser: Client,
    alice: User,
    bob: User,
    fields: dict[str, Any],
    field: str,
    message: str,
    many: bool,
) -> None:
    recipients = (alice, bob) if many else (alice,)

    assert errors(submit(browser, *recipients, **fields)) == {field: [message]}
    assert not InboxEvent.objects.exists()
    assert not LogEntry.objects.exists()


def test_a_refused_form_keeps_what_was_typed(browser: Client, alice: User) -> None:
    shown = submit(browser, alice, title="A title", link="javascript:x").content.decode()

    assert 'value="A title"' in shown
    assert f'<option value="{alice.pk}" selected>alice</option>' in shown


def test_a_recipient_who_is_deleted_concurrently(
    browser: Client, alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_many = services.send_many

    def overtaken(**arguments: Any) -> services.SentMany:
        bob.delete()
        return send_many(**arguments)

    monkeypatch.setattr(services, "send_many", overtaken)

    response = submit(browser, alice, bob)

    assert errors(response) == {"recipients": ["1 recipients do not exist."]}
    assert not InboxEvent.objects.exists()


def test_the_policy_is_checked_for_each_recipient(
    browser: Client, boss: User, alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def only_alice(caller: User, *, recipient_id: str) -> None:
        asked.append((caller, recipient_id))
        if recipient_id != str(alice.pk):
            raise Forbidden("You may not send notifications to this user.")

    monkeypatch.setattr(sending, "check_may_send", only_alice)

    response = submit(browser, alice, bob)

    assert errors(response) == {"recipients": ["You may not send notifications to this user."]}
    assert sorted(asked, key=lambda item: item[1]) == [(boss, str(alice.pk)), (boss, str(bob.pk))]
    assert not InboxEvent.objects.exists()


def test_sending_requires_the_permission(staff: MakeStaff, alice: User) -> None:
    browser = staff("view_notification", "add_notification", "change_notification")

    assert "Send notification" not in browser.get(LIST).content.decode()
    assert browser.get(ADD).status_code == 403
    assert submit(browser, alice).status_code == 403
    assert not InboxEvent.objects.exists()


def test_sending_does_not_require_the_view_permission(staff: MakeStaff, alice: User) -> None:
    browser = staff("send_notification")

    assert browser.get(ADD).status_code == 200
    assert submit(browser, alice).headers["Location"] == "/admin/"
    assert Notification.objects.get().recipient == alice


@pytest.mark.parametrize(
    ("codenames", "is_shown"),
    [(("send_notification",), True), (("send_notification", "view_user"), False)],
)
def test_who_may_not_search_for_users_is_told(
    browser: Client, staff: MakeStaff, codenames: tuple[str, ...], is_shown: bool
) -> None:
    help_text = "Searching requires the permission to view users."
    query = {"app_label": "live_inbox", "model_name": "notification", "field_name": "recipient"}

    clerk = staff(*codenames)

    assert (help_text in clerk.get(ADD).content.decode()) == is_shown
    answer = clerk.get("/admin/autocomplete/", query)
    assert answer.status_code == (403 if is_shown else 200)
    assert help_text not in browser.get(ADD).content.decode()


@pytest.mark.parametrize(
    ("name", "example"),
    [
        ("actor", {"name": "Ana", "picture": "/ana.png"}),
        ("target", {"type": "shop.order", "id": "7"}),
        (
            "actions",
            [{"label": "Approve", "id": "approve"}, {"label": "Open", "link": "/"}],
        ),
    ],
)
def test_the_help_of_a_part_shows_what_can_be_sent(
    browser: Client, alice: User, name: str, example: Any
) -> None:
    (field,) = (each for each in browser.get(ADD).context["adminform"].form if each.name == name)
    start = min(field.help_text.index(each) for each in "{[" if each in field.help_text)
    typed, _ = JSONDecoder().raw_decode(field.help_text[start:])

    submit(browser, alice, **{name: dumps(typed)})

    assert getattr(Notification.objects.get(), name) == example


def test_the_form_is_protected_against_csrf(boss: User, alice: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(boss)

    assert submit(browser, alice).status_code == 403
    assert not InboxEvent.objects.exists()


def test_users_are_found_by_name(browser: Client, alice: User, bob: User) -> None:
    query = {"app_label": "live_inbox", "model_name": "notification", "field_name": "recipient"}

    found = browser.get("/admin/autocomplete/", query | {"term": "ali"}).json()

    assert found["results"] == [{"id": str(alice.pk), "text": "alice"}]


DECLARED = {
    "invoice": {"label": "Invoices", "title": "Invoice {{ number }}", "message": "Of {{ sum }}"},
    "news": {"label": "<News>"},
}


def test_the_declared_types_are_offered(browser: Client) -> None:
    assert "datalist" not in browser.get(ADD).content.decode()
    with changed_settings(TYPES=DECLARED):
        form = browser.get(ADD).content.decode()
        assert 'list="type-suggestions"' in form
        assert '<option value="news">&lt;News&gt; (news)</option>' in form
    with changed_settings(TYPES=DECLARED, UNDECLARED_TYPES=False):
        form = browser.get(ADD).content.decode()
        assert '<select name="type"' in form
        assert '<option value="invoice">Invoices (invoice)</option>' in form


@pytest.mark.parametrize("many", [False, True])
def test_what_is_left_empty_is_made_from_the_templates_of_the_type(
    browser: Client, alice: User, bob: User, many: bool
) -> None:
    recipients = (alice, bob) if many else (alice,)
    given = {"type": "invoice", "title": "", "context": '{"number": 7, "sum": "3 €"}'}
    with changed_settings(TYPES=DECLARED):
        assert submit(browser, *recipients, **given).status_code == 302
    for user in recipients:
        sent = Notification.objects.get(recipient=user)
        assert (sent.title, sent.message) == ("Invoice 7", "Of 3 €")
    assert LogEntry.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        (
            {"type": "invoice", "title": "", "context": "{}"},
            "context",
            "The context lacks a name: the template needs number.",
        ),
        ({"type": "invoice", "title": "", "context": "{"}, "context", "Enter a valid JSON."),
        ({"type": "news", "title": ""}, "title", "This field is required."),
        (
            {"type": "news", "context": '{"a": 1}'},
            "context",
            "Nothing is made from a context: the type has no templates.",
        ),
    ],
)
def test_errors_of_templates_appear_beside_the_field(
    browser: Client, alice: User, fields: dict[str, Any], field: str, message: str
) -> None:
    with changed_settings(TYPES=DECLARED):
        assert errors(submit(browser, alice, **fields)) == {field: [message]}
    assert not Notification.objects.exists()


def test_the_list_filters_by_declared_types(browser: Client, alice: User) -> None:
    submit(browser, alice, type="old")
    with changed_settings(TYPES=DECLARED):
        shown = browser.get(LIST).content.decode()
    for type, label in (
        ("invoice", "Invoices (invoice)"),
        ("news", "&lt;News&gt; (news)"),
        ("old", "old"),
    ):
        assert f'<a href="?type={type}">{label}</a>' in shown
