"""Badges of types, states and kinds, in the list of notifications."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.test import Client

from live_inbox import services
from live_inbox.admin.rendering import TYPE_COLORS, kind_badge, state_badge, type_badge
from live_inbox.events import Kind
from live_inbox.models import Notification

LIST = "/admin/live_inbox/notification/"
HOSTILE = '"><b onclick=alert(1)>&amp;'
ESCAPED = "&quot;&gt;&lt;b onclick=alert(1)&gt;&amp;amp;"
STYLE_LINK = '<link href="/static/live_inbox/admin/admin.css" media="all" rel="stylesheet">'


def style() -> str:
    path = finders.find("live_inbox/admin/admin.css")
    assert isinstance(path, str)
    with open(path, encoding="utf-8") as file:
        return file.read()


@pytest.mark.parametrize(
    ("name", "color"),
    [("general", 2), ("approval", 3), ("billing.invoice", 5), ("", 0), ("grüße", 5)],
)
def test_a_type_always_has_the_same_color(name: str, color: int) -> None:
    assert type_badge(name) == f'<span class="inbox-badge inbox-type-{color}">{name}</span>'


def test_states_have_labels() -> None:
    assert state_badge(read=True) == '<span class="inbox-badge inbox-state-read">read</span>'
    assert state_badge(read=False) == '<span class="inbox-badge inbox-state-unread">unread</span>'


def test_kinds_have_labels() -> None:
    shown = '<span class="inbox-badge inbox-kind-all_read">all read</span>'

    assert kind_badge(Kind.ALL_READ) == shown


def test_hostile_values_are_escaped() -> None:
    assert type_badge(HOSTILE).endswith(f">{ESCAPED}</span>")
    assert kind_badge(HOSTILE) == (
        f'<span class="inbox-badge inbox-kind-{ESCAPED}">{ESCAPED}</span>'
    )


def test_every_color_is_in_the_style_sheet() -> None:
    colors = re.findall(r"\.inbox-type-(\d+) \{", style())

    assert colors == [str(number) for number in range(TYPE_COLORS)]


def test_kinds_that_add_or_delete_have_a_color() -> None:
    colors = set(re.findall(r"\.inbox-kind-(\w+) \{", style()))

    assert {Kind.ADDED, Kind.DELETED, Kind.EXPIRED} <= colors


def test_the_list_shows_types_and_states_as_badges(browser: Client, alice: User) -> None:
    read = services.send(recipient_id=alice.pk, title="one").notification
    assert read is not None
    services.mark_read(user_id=alice.pk, notification_id=read.pk)
    services.send(recipient_id=alice.pk, title="two", type="approval")

    shown = browser.get(LIST).content.decode()

    assert STYLE_LINK in shown
    assert re.findall(r'<td class="field-(?:type_shown|state)">(.*?)</td>', shown) == [
        type_badge("approval"),
        state_badge(read=False),
        type_badge("general"),
        state_badge(read=True),
    ]


def test_the_list_escapes_a_hostile_type(browser: Client, alice: User) -> None:
    services.send(recipient_id=alice.pk, title="x")
    Notification.unguarded.update(type=HOSTILE)

    shown = browser.get(LIST).content.decode()

    assert f'<td class="field-type_shown">{type_badge(HOSTILE)}</td>' in shown
    assert "<b onclick" not in shown
