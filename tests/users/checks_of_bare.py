"""What works without an admin, sessions, permissions, passwords and inactive users."""

from __future__ import annotations

import sys

from django.test import Client

from live_inbox.identity.accounts import AccountConfig, account_for
from live_inbox.identity.tokens import VerifiedToken
from live_inbox.send_policy import default_policy
from live_inbox.web.views import page_facts
from tests.users.people import new_user, serving, token_of

VIEWER = {"query": "{ viewer { id } }"}


def check_that_nothing_of_the_admin_is_imported() -> None:
    with serving():
        pass
    loaded = [name for name in sys.modules if name.startswith("django.contrib.admin")]
    ours = [name for name in sys.modules if name.startswith("live_inbox.admin")]
    assert (loaded, ours) == ([], [])


def check_that_http_takes_tokens_only() -> None:
    alice = new_user()
    anonymous = Client().get("/graphql/", VIEWER).json()
    assert anonymous["errors"][0]["extensions"]["reason"] == "missing"
    headers = {"Authorization": f"Bearer {token_of(alice)}"}
    answer = Client().post("/graphql/", VIEWER, "application/json", headers=headers).json()
    assert answer == {"data": {"viewer": {"id": f"user:{alice.pk}"}}}


def check_that_pages_know_no_viewer() -> None:
    request = Client().get("/graphql/", VIEWER).wsgi_request
    assert page_facts(request, {})["viewer"] is None


def check_that_the_default_policy_needs_no_permissions() -> None:
    alice, bob = new_user(), new_user()
    assert default_policy(alice, str(alice.pk), frozenset())
    assert not default_policy(alice, str(bob.pk), frozenset())
    assert default_policy(alice, str(bob.pk), frozenset({"notifications:send-to-anyone"}))


def check_that_a_token_creates_a_user_without_a_password() -> None:
    token = VerifiedToken("carol", frozenset(), None, 4e9)
    created = account_for(token, AccountConfig("handle", create_users=True))
    assert created.get_username() == "carol"
