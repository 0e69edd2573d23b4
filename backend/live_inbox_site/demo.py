"""What a developer's first run shows: three users, a few notifications, and what to paste."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser
from django.core.management import call_command
from django.urls import reverse

from live_inbox import services
from live_inbox.identity.issuing import issue_token
from live_inbox_site.environment import SITE_DIRECTORY, site_settings

PASSWORD = "demo"  # noqa: S105  # everybody may know it: a demo only runs in development


@dataclass(frozen=True, slots=True)
class Demo:
    """The people of the demo, with a token of each one who has an inbox to look at."""

    alice: AbstractUser
    alice_token: str
    bob: AbstractUser
    bob_token: str


def prepare() -> Demo:
    """Bring the database up to date, and make the users and their first notifications unless they exist."""
    call_command("migrate", interactive=False, verbosity=0)
    alice, is_new = _user("alice", "Alice", "Archer")
    bob, _ = _user("bob", "Bob", "Baker")
    _user("admin", "Ada", "Admin", is_staff=True, is_superuser=True)
    if is_new:
        _send_samples(alice, bob)
    return Demo(alice, _token(alice), bob, _token(bob))


def _user(
    username: str, first_name: str, last_name: str, **flags: bool
) -> tuple[AbstractUser, bool]:
    model: Any = get_user_model()
    names = {"first_name": first_name, "last_name": last_name}
    user, is_new = model.objects.get_or_create(username=username, defaults=names | flags)
    if is_new:
        user.set_password(PASSWORD)
        user.save(update_fields=["password"])
    return user, is_new


def _token(user: AbstractUser) -> str:
    return issue_token(user, ttl_seconds=site_settings().jwt_max_ttl_seconds)


def _send_samples(alice: AbstractUser, bob: AbstractUser) -> None:
    first = services.send(
        recipient_id=alice.pk,
        title="Welcome!",
        message="This is your inbox. Open it in two windows: what one does, the other shows at once.",
    )
    if first.notification is not None:
        services.mark_read(user_id=alice.pk, notification_id=first.notification.pk)
    services.send_user_detail_approval(recipient_id=alice.pk, approved=True, sender_id=bob.pk)
    services.send(
        recipient_id=alice.pk,
        title="Lunch on Friday?",
        message="**The new place** around the corner, at noon.",
        format="markdown",
        actor=bob,
        actions=[{"label": "I am in", "id": "yes"}, {"label": "Not this time", "id": "no"}],
        sender_id=bob.pk,
    )
    services.send(
        recipient_id=bob.pk,
        title="The report is ready",
        message="42 pages, 3 of them with pictures.",
        type="report",
        link=reverse("live_inbox:graphql"),
        data={"pages": 42},
        sender_id=alice.pk,
    )


def welcome(demo: Demo, *, host: str, port: int) -> str:
    """Return what to open and what to paste."""
    shown = "localhost" if host in ("127.0.0.1", "0.0.0.0", "::", "::1") else host  # noqa: S104  # nothing listens by it
    site = f"{shown}:{port}{site_settings().force_script_name}"
    python = shlex.quote(_python())
    socket = f"ws://{site}/ws/notifications/?token={demo.alice_token}"
    return f"""\

Ready. Users alice, bob and admin; the password of each is {PASSWORD}.

  http://{site}/          the inbox
  http://{site}/graphql/  GraphiQL
  http://{site}/admin/    administration (admin)

Token of alice: {demo.alice_token}

Token of bob:   {demo.bob_token}

Receive as alice, over the JSON protocol:
  {python} -m websockets {shlex.quote(socket)}

Send alice a notification, from another terminal:
  {python} manage.py test_notifications --user-id {demo.alice.pk} --title "Hello" --message "It works"

Ctrl-C stops the server.
"""


def _python() -> str:
    """Return this Python as one types it in the repository."""
    inside = os.path.relpath(sys.executable, SITE_DIRECTORY)
    return sys.executable if inside.startswith(os.pardir) else inside
