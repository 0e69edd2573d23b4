"""What clients ask over HTTP: GraphQL operations, each with a check that its answer is right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.content import DATA
from benchmarks.inboxes import CONTENT, SENDERS, TITLE, display_name


class Wrong(RuntimeError):
    """Raised for an answer that is not the right one."""


@dataclass(frozen=True)
class Operation:
    """One GraphQL operation. `is_right` is given the `data` of an answer without errors."""

    query: str
    is_right: Callable[[Any], bool]
    variables: Mapping[str, Any] = field(default_factory=dict)


def data_of(result: Any) -> Any:
    """Return the data of a result of GraphQL. Raise Wrong if it has errors."""
    if "errors" in result:
        raise Wrong(str(result["errors"])[:300])
    return result["data"]


LIST = (
    "query List($first: Int) { notifications(first: $first) { totalCount unreadCount"
    " nodes { id type title message link read createdAt sender { name } } } }"
)
PAGE_LIST = LIST.replace("{ totalCount", "{ position totalCount")
MARK_READ = "mutation Mark($id: ID!) { markRead(id: $id) { notification { id read } unreadCount } }"
SEND = "mutation Send($input: SendInput!) { send(input: $input) { notification { id title } } }"
_SENDER_NAMES = frozenset(map(display_name, SENDERS))


def typename() -> Operation:
    """Return the smallest of all operations."""
    return Operation("{ __typename }", lambda data: bool(data == {"__typename": "Query"}))


def viewer(username: str) -> Operation:
    """Ask who the caller is."""
    return Operation(
        "{ viewer { id username } }",
        lambda data: data["viewer"]["username"] == username and bool(data["viewer"]["id"]),
    )


def newest(
    first: int, *, total: int, unread: int, has_senders: bool = True, query: str = LIST
) -> Operation:
    """Ask for the newest notifications of an inbox of `total`; not every API tells senders."""

    def is_right(data: Any) -> bool:
        page = data["notifications"]
        ids = [int(node["id"]) for node in page["nodes"]]
        return (
            (page["totalCount"], page["unreadCount"]) == (total, unread)
            and ids == list(range(ids[0], ids[0] - min(first, total), -1))
            and all(
                _is_whole(node, place < unread, has_senders)
                for place, node in enumerate(page["nodes"])
            )
        )

    return Operation(query, is_right, {"first": first})


def entries(first: int, *, at_least: int) -> Operation:
    """Ask for a page of an inbox that has so many notifications or more, whatever they are."""

    def is_right(data: Any) -> bool:
        page = data["notifications"]
        ids = [int(node["id"]) for node in page["nodes"]]
        is_ordered = ids == sorted(ids, reverse=True) and len(set(ids)) == len(ids)
        return page["totalCount"] >= at_least and len(ids) == min(first, at_least) and is_ordered

    return Operation(PAGE_LIST, is_right, {"first": first})


def counts(*, total: int, unread: int) -> Operation:
    """Ask how many notifications an inbox has, whatever they are."""

    def is_right(data: Any) -> bool:
        page = data["notifications"]
        return (page["totalCount"], page["unreadCount"]) == (total, unread)

    return Operation(LIST, is_right, {"first": 1})


def _is_whole(node: dict[str, Any], is_unread: bool, has_senders: bool) -> bool:
    """Whether a notification of a list has the content that it was filled with."""
    return (
        node.items() >= CONTENT.items()
        and node["read"] is not is_unread
        and node["createdAt"].startswith("20")
        and (not has_senders or node["sender"]["name"] in _SENDER_NAMES)
    )


def mark_read(notification_id: int) -> Operation:
    """Mark an unread notification as read."""
    marked = {"id": str(notification_id), "read": True}
    return Operation(
        MARK_READ,
        lambda data: data["markRead"]["notification"] == marked,
        {"id": str(notification_id)},
    )


def send(recipient: int, title: str = TITLE) -> Operation:
    """Send a notification."""
    content = {**CONTENT, "title": title, "data": DATA, "recipientId": str(recipient)}
    return Operation(
        SEND, lambda data: data["send"]["notification"]["title"] == title, {"input": content}
    )
