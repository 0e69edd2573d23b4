"""django-ninja: schemas of pydantic, filled from rows of the ORM."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import jwt
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.urls import path
from ninja import NinjaAPI, Schema
from ninja.security import HttpBearer

from benchmarks.peers.inbox_app.models import Inbox, Notification
from benchmarks.peers.tokens import user_id_of


class Token(HttpBearer):
    """Authenticates by a bearer token."""

    def authenticate(self, request: HttpRequest, token: str) -> User | None:
        """Return the user, or None if the token is not valid or the account is not active."""
        try:
            return User.objects.filter(pk=user_id_of(token), is_active=True).first()
        except jwt.InvalidTokenError:
            return None


class Sender(Schema):
    """A sender."""

    name: str

    @staticmethod
    def resolve_name(user: Any) -> str:
        """Return the name to display."""
        name: str = user.get_full_name()
        return name


class Entry(Schema):
    """A notification."""

    id: int
    type: str
    title: str
    message: str
    link: str
    read: bool
    created_at: datetime
    sender: Sender | None


class Page(Schema):
    """The newest notifications, and the counts."""

    count: int
    unread: int
    results: list[Entry]


api = NinjaAPI(auth=Token())


@api.get("/notifications/", response=Page)
def notifications(request: HttpRequest, limit: int = 20) -> dict[str, Any]:
    """Return the newest notifications of the caller."""
    user: User = request.auth  # type: ignore[attr-defined]
    inbox = Inbox.objects.get(pk=user.pk)
    rows = Notification.objects.filter(recipient=user).select_related("sender").order_by("-id")
    return {"count": inbox.total_count, "unread": inbox.unread_count, "results": rows[:limit]}


urlpatterns = [path("", api.urls)]
