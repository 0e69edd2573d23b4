"""Media types of requests and responses: what a client accepts, and whether a body is JSON."""

from __future__ import annotations

from functools import lru_cache

from django.http import HttpRequest
from django.http.request import MediaType

PLAIN_JSON = "application/json"
"""The older response type: the status is 200 even if GraphQL refused the request."""
GRAPHQL_JSON = "application/graphql-response+json"
"""The response type of the GraphQL over HTTP specification: the status is 400 if GraphQL refused the request."""
HTML = "text/html"
EVENT_STREAM = "text/event-stream"
"""The response type of subscriptions over HTTP (server-sent events)."""

MAX_TYPE_CHARACTERS = 1024
"""Of the headers Accept and Content-Type. Those of browsers have some hundred."""

ANYTHING = "*/*"
"""What a request without the header Accept accepts."""


def response_type(accept: str) -> str | None:
    """Return the content type of the response; None if the client accepts none that this API has."""
    return _preferred(accept, (PLAIN_JSON, GRAPHQL_JSON))


def prefers_html(accept: str) -> bool:
    """Whether the client would rather have a page than JSON."""
    return _preferred(accept, (PLAIN_JSON, GRAPHQL_JSON, HTML)) == HTML


def prefers_event_stream(accept: str) -> bool:
    """Whether the client would rather have an event stream than JSON."""
    return _preferred(accept, (PLAIN_JSON, GRAPHQL_JSON, EVENT_STREAM)) == EVENT_STREAM


def is_too_long(accept: str) -> bool:
    """Whether the client lists more types than are read: Django takes long for them."""
    return len(accept) > MAX_TYPE_CHARACTERS


# Clients of one kind send the same header with each request.
@lru_cache(maxsize=64)
def _preferred(accept: str, offers: tuple[str, ...]) -> str | None:
    """Return the offer that the client prefers; among equally preferred ones the first.

    Django's `get_preferred_type` treats `application/json; charset=utf-8` as a different type.
    """
    if is_too_long(accept):
        return None
    request = HttpRequest()
    request.META["HTTP_ACCEPT"] = accept
    for accepted in request.accepted_types:
        wanted = MediaType(f"{accepted.main_type}/{accepted.sub_type}")
        match = next((offer for offer in offers if wanted.match(offer)), None)
        if match is not None:
            return match
    return None


@lru_cache(maxsize=64)
def is_json(content_type: str) -> bool:
    """Whether a body of this type is JSON in UTF-8."""
    if len(content_type) > MAX_TYPE_CHARACTERS:
        return False
    given = MediaType(content_type)
    charset = given.params.get("charset", "utf-8").lower()
    is_json = (given.main_type, given.sub_type) == ("application", "json")
    return is_json and charset in ("utf-8", "utf8")
