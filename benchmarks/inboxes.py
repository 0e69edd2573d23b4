"""The inboxes that requests are about: as many notifications, with the same content, in the tables of every peer."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.content import KIND, LINK, MESSAGE

TITLE = "Invoice paid"
SENDERS = ("Ada", "Grace", "Edsger", "Barbara", "Donald")
"""First names. The sender of a user's n-th notification is number n modulo five of them."""
LAST_NAME = "Sender"
LARGE, SMALL = 1_000_000, 100
UNREAD = 50


@dataclass(frozen=True)
class Inboxes:
    """How many notifications each user has, and how many of these, the newest, are unread."""

    sizes: tuple[int, ...]
    unread: int = UNREAD
    is_written: bool = False
    """Whether the requests change them: then each turn has a copy."""


@dataclass(frozen=True)
class Filled:
    """The inboxes in a database: users and the id of each user's oldest notification. Ids follow one another."""

    users: tuple[int, ...]
    first_ids: tuple[int, ...]


def username(number: int) -> str:
    """Return the name of the user with this number, counted from zero."""
    return f"reader{number}"


def sender_username(number: int) -> str:
    """Return the name of a sender, counted from zero."""
    return f"sender{number}"


def display_name(first_name: str) -> str:
    """Return what a sender is called in answers."""
    return f"{first_name} {LAST_NAME}"


CONTENT = {"type": KIND, "title": TITLE, "message": MESSAGE, "link": LINK}
"""What all of the notifications have in common, as answers name it."""
