"""What is fuzzed: a server, a user whose credentials the input has, and another whose inbox must stay as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from live_inbox import selectors, services
from live_inbox.identity.issuing import issue_token
from tests.stacks.uvicorn_server import ServerProcess

TOKEN_SECONDS = 86_400


@dataclass(frozen=True)
class Target:
    """The server, and the credentials that input may carry."""

    server: ServerProcess
    token: str
    """Of alice, who has no rights but to her inbox."""
    session: str
    """The cookie `sessionid` of a superuser: pages of the admin are reached, too."""
    user_id: int
    bystander_id: int

    @classmethod
    def on(cls, server: ServerProcess) -> Target:
        """Return a target with new users."""
        alice = User.objects.create_user("alice")
        bob = User.objects.create_user("bob")
        root = User.objects.create_superuser("root")
        for number in range(3):
            services.send(recipient_id=alice.pk, title=f"for alice, {number}")
        services.send(recipient_id=bob.pk, title="for bob alone")
        browser = Client()
        browser.force_login(root)
        token = issue_token(alice, ttl_seconds=TOKEN_SECONDS)
        return cls(server, token, browser.cookies["sessionid"].value, alice.pk, bob.pk)

    @property
    def port(self) -> int:
        """The port of the server, at 127.0.0.1."""
        return self.server.port


def inbox(user_id: int) -> Any:
    """Return what must not change in an inbox."""
    page = selectors.page(user_id=str(user_id), limit=100)
    return page.inbox.position, page.inbox.unread_count, [row.title for row in page.notifications]
