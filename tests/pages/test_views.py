"""The pages as Django serves them, without a browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client, override_settings
from django.test.utils import override_script_prefix
from django.urls import include, path

from live_inbox.content import LINK_LENGTH, MESSAGE_LENGTH, TITLE_LENGTH
from live_inbox.models import Inbox, Notification
from live_inbox.notification_types import TYPE_LENGTH
from live_inbox.web import bundles
from live_inbox_graphql.view import GraphQLView
from live_inbox_site import demo_events, pages
from live_inbox_site.environment import SiteSettings, site_settings
from tests.authentication import authenticate_now
from tests.graphql.own_schema import schema

pytestmark = pytest.mark.django_db(transaction=True)

urlpatterns = [
    path("graphql/", GraphQLView.as_view(schema=schema, page=pages.graphiql)),
    path("", include("live_inbox_site.urls")),
]

FILES = (
    *("live.js", "live.css", "graphiql.js", "graphiql.css", "icon.svg"),
    *("notification-inbox.js", "notification-inbox.de.js", "notification-inbox.http.js"),
    "notification-inbox.parts.js",
)


@pytest.fixture(autouse=True)
def _test_urls() -> Iterator[None]:
    with override_settings(ROOT_URLCONF=__name__):
        yield


@pytest.fixture(autouse=True)
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory that looks like the output of a build."""
    names = {name: name.replace(".", ".HASHHASH.") for name in FILES}
    (tmp_path / "manifest.json").write_text(json.dumps(names))
    monkeypatch.setattr(bundles, "DIST", tmp_path)
    return tmp_path


def configure(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
    """Give the pages other settings than those of this process."""
    changed = site_settings().model_copy(update=settings)
    for module in ("pages", "demo_tokens", "signing_in"):
        monkeypatch.setattr(f"live_inbox_site.{module}.site_settings", lambda: changed)


@pytest.fixture
def development(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set up the development environment, with the demo users."""
    configure(monkeypatch, environment="development")
    for name in ("alice", "bob", "carol"):
        get_user_model().objects.create_user(username=name, first_name=name.capitalize())


def facts(html: str) -> dict[str, Any]:
    """Return the facts about the server that a page contains."""
    found = re.search(r'<script id="page-facts" type="application/json">(.*?)</script>', html)
    assert found is not None
    answer: dict[str, Any] = json.loads(found.group(1))
    return answer


def policy(response: Any) -> dict[str, str]:
    """Return the Content-Security-Policy by directives."""
    directives = response["Content-Security-Policy"].split("; ")
    return dict(directive.split(" ", 1) for directive in directives)


@pytest.mark.usefixtures("development")
def test_the_live_page_names_its_files_and_the_demo_users(client: Client) -> None:
    response = client.get("/")
    html = response.content.decode()
    assert '<script src="/static/live_inbox/web/live.HASHHASH.js" defer>' in html
    assert '<link rel="stylesheet" href="/static/live_inbox/web/live.HASHHASH.css">' in html
    page_facts = facts(html)
    assert [person["name"] for person in page_facts["demo"]] == ["Alice", "Bob"]
    assert (page_facts["tokens"], page_facts["viewer"], page_facts["tokenSeconds"]) == (
        "/demo-token",
        None,
        None,
    )


@pytest.mark.usefixtures("development")
@pytest.mark.parametrize(
    ("field", "limit"),
    [
        ("type", TYPE_LENGTH),
        ("title", TITLE_LENGTH),
        ("message", MESSAGE_LENGTH),
        ("link", LINK_LENGTH),
    ],
)
def test_the_form_has_the_limits_of_the_content(client: Client, field: str, limit: int) -> None:
    html = client.get("/").content.decode()
    found = re.search(rf'<input name="{field}"[^>]* maxlength="(\d+)"', html)
    assert found is not None
    assert int(found.group(1)) == limit


@pytest.mark.usefixtures("development")
def test_the_live_page_may_load_only_from_its_own_site(client: Client) -> None:
    response = client.get("/", headers={"Host": "localhost:8000"})
    assert policy(response) == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "font-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self' ws://localhost:8000 wss://localhost:8000",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    assert response["X-Frame-Options"] == "DENY"
    assert response["Cache-Control"] == "no-store"


@pytest.mark.usefixtures("development")
def test_graphiql_may_write_styles_and_no_scripts(client: Client) -> None:
    response = client.get("/graphql/", headers={"Accept": "text/html"})
    assert policy(response)["style-src"] == "'self' 'unsafe-inline'"
    assert policy(response)["script-src"] == "'self'"
    assert policy(response)["require-trusted-types-for"] == "'script'"
    assert "csrftoken" in response.cookies


def test_a_user_name_is_escaped_in_the_page(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(monkeypatch, environment="development")
    name = "</script><script>alert(1)</script>"
    client.force_login(get_user_model().objects.create_user(username="eve", first_name=name))
    html = client.get("/").content.decode()
    assert "<script>alert" not in html
    assert facts(html)["viewer"]["name"] == name


@pytest.mark.usefixtures("development")
@pytest.mark.parametrize("page", ["/", "/graphql/"])
def test_the_scripts_of_a_page_get_addresses_below_the_prefix(client: Client, page: str) -> None:
    with override_script_prefix("/inbox/"):
        response = client.get(page, headers={"Accept": "text/html"})
    page_facts = facts(response.content.decode())
    assert page_facts["endpoint"] == "/inbox/graphql/"
    assert page_facts["jsonEndpoint"] == "/inbox/ws/notifications/"
    assert page_facts["tokens"] == "/inbox/demo-token"
    assert page_facts["home"] == "/inbox/"


def test_outside_of_development_the_front_page_lists_the_apis(client: Client) -> None:
    response = client.get("/")
    assert response.status_code == 200
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert b"POST /graphql/" in response.content


def test_with_pages_on_the_front_page_links_to_the_sign_in(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(monkeypatch, pages=True)
    get_user_model().objects.create_user(username="alice")
    response = client.get("/")
    assert "Sign in to see your inbox." in response.content.decode()
    page_facts = facts(response.content.decode())
    assert (page_facts["demo"], page_facts["tokens"]) == ([], None)


def test_users_sign_in_and_out(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, pages=True)
    get_user_model().objects.create_user(username="carol", password="secret-of-carol")
    form = client.get("/sign-in/").content.decode()
    assert '<link rel="stylesheet" href="/static/live_inbox/web/live.HASHHASH.css">' in form
    refused = client.post("/sign-in/", {"username": "carol", "password": "wrong"})
    assert "name or the password is wrong" in refused.content.decode()
    assert policy(refused)["script-src"] == "'self'"
    right = {"username": "carol", "password": "secret-of-carol", "next": "https://evil.example/"}
    assert client.post("/sign-in/", right)["Location"] == "/"
    assert facts(client.get("/").content.decode())["viewer"]["username"] == "carol"
    assert client.get("/sign-out/").status_code == 405
    assert client.post("/sign-out/")["Location"] == "/"
    assert facts(client.get("/").content.decode())["viewer"] is None


def test_without_pages_there_is_no_sign_in(client: Client) -> None:
    assert client.get("/sign-in/").status_code == 404


@pytest.mark.usefixtures("development")
def test_a_demo_token_authenticates_its_user_and_may_send(client: Client) -> None:
    response = client.get("/demo-token?user=bob&seconds=60")
    caller = authenticate_now(response.json()["token"])
    assert caller.user.get_username() == "bob"
    rights = {"notifications:read", "notifications:write", "notifications:send-to-anyone"}
    assert caller.scopes == rights
    assert caller.expires_at is not None
    assert caller.issued_at is not None
    leeway = site_settings().jwt_leeway_seconds
    assert round(caller.expires_at - caller.issued_at) == 60 + leeway
    assert response["Cache-Control"] == "no-store"


@pytest.mark.usefixtures("development")
@pytest.mark.parametrize(
    "query",
    [
        "",
        "?user=carol",
        "?user=alice&seconds=0",
        "?user=alice&seconds=nan",
        "?user=alice&seconds=9999",
    ],
)
def test_other_requests_get_no_demo_token(client: Client, query: str) -> None:
    assert client.get(f"/demo-token{query}").status_code == 404


@pytest.mark.usefixtures("development")
def test_other_sites_get_no_demo_token(client: Client) -> None:
    for site, status in (("cross-site", 404), ("same-site", 404), ("same-origin", 200)):
        response = client.get("/demo-token?user=alice", headers={"Sec-Fetch-Site": site})
        assert response.status_code == status
    assert client.post("/demo-token?user=alice").status_code == 404


@pytest.mark.usefixtures("development")
@pytest.mark.parametrize(
    "sent",
    [
        {"REMOTE_ADDR": "192.0.2.7"},
        {"REMOTE_ADDR": ""},
        {"headers": {"X-Forwarded-For": "192.0.2.7"}},
        {"headers": {"Forwarded": "for=192.0.2.7"}},
    ],
)
def test_other_machines_get_no_demo_token(client: Client, sent: dict[str, Any]) -> None:
    assert client.get("/demo-token?user=alice", **sent).status_code == 404
    assert facts(client.get("/", **sent).content.decode())["demo"] == []


@pytest.mark.usefixtures("development")
def test_a_forgotten_file_gives_no_demo_token(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make run` leaves `.env`, which makes development of a server in the same checkout."""
    assert client.get("/demo-token?user=alice").status_code == 200
    monkeypatch.delenv("ENVIRONMENT")
    assert client.get("/demo-token?user=alice").status_code == 404


@pytest.mark.parametrize("environment", ["test", "production"])
def test_outside_of_development_there_are_no_demo_tokens(
    client: Client, monkeypatch: pytest.MonkeyPatch, environment: str
) -> None:
    configure(monkeypatch, environment=environment, pages=True, graphiql=True)
    get_user_model().objects.create_user(username="alice")
    assert client.get("/demo-token?user=alice").status_code == 404


@pytest.mark.usefixtures("development")
@pytest.mark.parametrize("address", ["/", "/graphql/"])
def test_without_a_build_the_page_says_what_to_do(
    client: Client, built: Path, address: str
) -> None:
    (built / "manifest.json").unlink()
    response = client.get(address, headers={"Accept": "text/html"})
    assert response.status_code == 503
    assert "Node 20 or newer" in response.content.decode()
    assert "Content-Security-Policy" in response


def test_the_component_has_a_permanent_address(client: Client, built: Path) -> None:
    response = client.get("/notification-inbox.js")
    assert response.status_code == 302
    assert response["Location"] == "/static/live_inbox/web/notification-inbox.HASHHASH.js"
    assert response["Cache-Control"] == "public, max-age=300"
    assert response["Access-Control-Allow-Origin"] == "*"
    assert response["Cross-Origin-Resource-Policy"] == "cross-origin"
    (built / "manifest.json").unlink()
    missing = client.get("/notification-inbox.js")
    assert missing.status_code == 503
    assert missing["Access-Control-Allow-Origin"] == "*"


def test_what_the_component_loads_later_is_beside_it(client: Client) -> None:
    for name in ("de", "http"):
        response = client.get(f"/notification-inbox.{name}.js")
        assert response.status_code == 302
        assert response["Location"].endswith(f"/notification-inbox.HASHHASH.{name}.HASHHASH.js")
        assert response["Access-Control-Allow-Origin"] == "*"
    assert client.get("/notification-inbox.xx.js").status_code == 404


def test_the_icon_is_where_browsers_look_for_it(client: Client, built: Path) -> None:
    response = client.get("/favicon.ico")
    assert response.status_code == 302
    assert response["Location"] == "/static/live_inbox/web/icon.HASHHASH.svg"
    (built / "manifest.json").unlink()
    assert client.get("/favicon.ico").status_code == 404


def test_pages_are_on_by_default_in_development_only() -> None:
    def switches(**settings: Any) -> tuple[bool, bool]:
        configured = SiteSettings(**settings)
        return configured.serves_pages, configured.serves_graphiql

    assert switches(environment="development") == (True, True)
    assert switches(environment="production") == (False, False)
    assert switches(environment="production", pages=True) == (True, False)
    assert switches(environment="production", graphiql=True) == (False, True)
    assert switches(environment="development", pages=False, graphiql=False) == (False, False)


@pytest.mark.usefixtures("development")
def test_demo_events_are_a_few_hundred_and_leave_a_few_notifications(client: Client) -> None:
    answer = client.post("/demo-events?user=alice")
    assert answer.status_code == 200
    events = answer.json()["events"]
    inbox = Inbox.objects.get(user__username="alice")
    assert (inbox.last_sequence, inbox.total_count) == (events, demo_events.KEPT)
    assert 480 <= events <= 500
    assert facts(client.get("/").content.decode())["events"] == "/demo-events"


@pytest.mark.usefixtures("development")
def test_other_requests_make_no_demo_events(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = "/demo-events?user=alice"
    refused = [
        client.get(alice),
        client.post("/demo-events?user=carol"),
        client.post("/demo-events"),
        client.post(alice, headers={"Sec-Fetch-Site": "cross-site"}),
        client.post(alice, headers={"X-Forwarded-For": "127.0.0.1"}),
        client.post(alice, REMOTE_ADDR="192.0.2.1"),
    ]
    with demo_events._busy:
        busy = client.post(alice)
    configure(monkeypatch, environment="production", pages=True)
    refused.append(client.post(alice))
    assert [answer.status_code for answer in refused] == [404] * len(refused)
    assert (busy.status_code, busy["Retry-After"]) == (429, "1")
    assert not Notification.objects.exists()
