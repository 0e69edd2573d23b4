"""What works with UUIDs, e-mail addresses and a user admin of the project's own."""

from __future__ import annotations

import uuid
from contextlib import suppress

from django.contrib import admin
from django.test import Client, override_settings

import live_inbox
from live_inbox.errors import RateLimited
from live_inbox.identity.accounts import AccountConfig, account_for
from live_inbox.identity.callers import Caller
from live_inbox.identity.tokens import VerifiedToken
from live_inbox.models import Notification
from live_inbox.send_policy import SEND_SCOPE
from live_inbox.services import send_many_for_caller
from live_inbox.services.send_for_caller import send_for_caller
from tests.both_apis.devices import GraphQLDevice, JsonDevice, Socket
from tests.users.by_email.admin import ProjectUserAdmin
from tests.users.by_email.models import Attachment, Customer, User
from tests.users.documented import documented
from tests.users.people import both_devices, close_code, new_user, serving

BACKEND = "tests.users.by_email.backends.SingleSignOn"


def check_that_the_admin_site_is_that_of_the_project() -> None:
    assert (admin.site.site_header, admin.site.site_title) == (
        "Django administration",
        "Django site admin",
    )
    assert type(admin.site.get_model_admin(User)) is ProjectUserAdmin
    ours = {model._meta.model_name for model in admin.site._registry if "live_inbox" in str(model)}
    assert ours == {
        *("notification", "notificationpreference", "inbox", "inboxevent"),
        *("bulksend", "scheduledsend", "webhookdelivery"),
    }


def check_that_the_admin_pages_open() -> None:
    browser = _browser_of_the_boss()
    alice = new_user()
    live_inbox.send(recipient=alice, title="x")
    for name in ("notification", "notificationpreference", "inbox", "inboxevent"):
        page = f"/admin/live_inbox/{name}/"
        assert browser.get(page, {"q": alice.email}).status_code == 200, name
    assert browser.get(f"/admin/live_inbox/inbox/{alice.pk}/change/").status_code == 200
    form = {"everybody": "on", "type": "general", "title": "to all", "data": "{}"}
    assert browser.post("/admin/live_inbox/notification/add/", form).status_code == 302
    assert Notification.objects.filter(title="to all", recipient=alice).count() == 1


def check_that_the_admin_of_the_project_deletes_users() -> None:
    browser = _browser_of_the_boss()
    alice = new_user()
    live_inbox.send(recipient=alice, title="x")
    address = f"/admin/by_email/user/{alice.pk}/delete/"
    assert "Are you sure" in browser.get(address).content.decode()
    assert browser.post(address, {"post": "yes"}).status_code == 302
    assert not User.objects.filter(pk=alice.pk).exists()


def check_that_rows_of_the_project_are_deleted_with_a_notification() -> None:
    """Then Django's CASCADE handles the notifications, and its admin lists them and demands no permission."""
    browser = _browser_of_the_boss()
    alice, bob = new_user(), new_user()
    for user in (alice, bob):
        sent = live_inbox.send(recipient=user, title="x").notification
        Attachment._default_manager.create(notification=sent)
    User.objects.filter(pk=alice.pk).delete()
    assert Attachment._default_manager.get().notification.recipient == bob
    browser.post(f"/admin/by_email/user/{bob.pk}/delete/", {"post": "yes"})
    assert not Attachment._default_manager.exists()
    assert not User.objects.filter(pk=bob.pk).exists()


def check_that_deletion_by_a_proxy_closes_sockets() -> None:
    alice = new_user()
    with serving() as server, both_devices(server, alice) as devices:
        Customer.objects.get(pk=alice.pk).delete()
        assert [close_code(device) for device in devices] == [4403, 4403]


def check_that_a_session_of_another_backend_opens_a_socket_until_the_password_changes() -> None:
    alice = new_user()
    browser = Client()
    browser.force_login(alice, backend=BACKEND)
    query = {"query": "{ viewer { id } }"}
    answer = browser.get("/graphql/", query).json()
    assert answer == {"data": {"viewer": {"id": f"user:{alice.pk}"}}}
    with serving() as server, _session_socket(server.ws, browser) as socket:
        alice.set_password("another")
        alice.save()
        assert close_code(socket) == 4403


def check_that_a_sign_out_closes_the_sockets_of_sessions() -> None:
    alice = new_user()
    browser, another = Client(), Client()
    for each in (browser, another):
        each.force_login(alice, backend=BACKEND)
    with (
        serving() as server,
        _session_socket(server.ws, browser) as here,
        _session_socket(server.ws, another) as there,
        both_devices(server, alice) as (by_token, _),
    ):
        cookie = browser.cookies["sessionid"].value
        browser.logout()
        assert [close_code(here), close_code(there)] == [4403, 4403]
        assert by_token.list().total == 0
        with _session_socket(server.ws, another):
            pass
        browser.cookies["sessionid"] = cookie
        with _opened(server.ws, browser) as socket:
            assert close_code(socket) == 4403


def check_the_example_for_session_tokens_of_allauth() -> None:
    alice = new_user()
    browser = Client()
    browser.force_login(alice, backend=BACKEND)
    token = browser.cookies["sessionid"].value
    inbox = {"HOUSEKEEPING": False, "AUTHENTICATOR": documented("AllauthAuthenticator")}
    with override_settings(LIVE_INBOX=inbox), serving() as server:
        with GraphQLDevice(server.ws, token) as graphql, JsonDevice(server.ws, token) as original:
            sent = live_inbox.send(recipient=alice, title="x").notification
            assert sent is not None
            assert graphql.next_change().notification_id == sent.pk
            assert original.next_change().notification_id == sent.pk
        app, query = Client(enforce_csrf_checks=True), {"query": "{ viewer { id } }"}
        for header, status in ((token, 200), ("0" * 32, 401)):
            headers = {"X-Session-Token": header}
            answer = app.post("/graphql/", query, "application/json", headers=headers)
            assert answer.status_code == status


def _opened(address: str, browser: Client) -> Socket:
    """Open a socket with the cookie of a browser."""
    cookie = {"Cookie": f"sessionid={browser.cookies['sessionid'].value}"}
    socket = Socket(f"{address}/graphql/", "graphql-transport-ws", headers=cookie)
    socket.send_json({"type": "connection_init"})
    return socket


def _session_socket(address: str, browser: Client) -> Socket:
    """Open a socket with the cookie of a browser, which is good enough."""
    socket = _opened(address, browser)
    assert socket.receive() == {"type": "connection_ack"}
    return socket


def check_that_a_token_creates_a_user_with_a_uuid() -> None:
    key = str(uuid.uuid4())
    token = VerifiedToken(key, frozenset(), None, 4e9)
    created = account_for(token, AccountConfig("id", create_users=True))
    assert created == User.objects.get(pk=key)
    assert account_for(token, AccountConfig("id", create_users=True)) == created


def check_that_a_user_has_one_rate_whatever_the_text_of_the_uuid() -> None:
    alice = new_user()
    caller = Caller(new_user(), scopes=frozenset({SEND_SCOPE}))
    texts = [str(alice.pk), str(alice.pk).upper(), alice.pk.hex, f"{{{alice.pk}}}"]
    with override_settings(LIVE_INBOX={"RECIPIENT_RATE": "1/hour"}):
        for text in texts:
            with suppress(RateLimited):
                send_for_caller(caller, recipient_id=text, title="x")
        send_many_for_caller(caller, recipient_ids=texts, title="x")
    assert Notification.objects.filter(recipient=alice).count() == 1


def _browser_of_the_boss() -> Client:
    browser = Client()
    boss = new_user(is_staff=True, is_superuser=True)
    browser.force_login(boss, backend=BACKEND)
    return browser
