"""The address `/`."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse


async def home(request: HttpRequest) -> HttpResponse:
    """Say what is served here."""
    return HttpResponse(
        "A real-time notification inbox.\n\n"
        "GraphQL            POST /graphql/ and WebSocket /graphql/\n"
        "Original protocol  WebSocket /ws/notifications/?token=JWT\n"
        "Admin              /admin/\n",
        content_type="text/plain; charset=utf-8",
    )
