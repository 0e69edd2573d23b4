"""The newest events of an inbox, on its page."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from live_inbox import services
from live_inbox.admin.rendering import kind_badge, type_badge
from live_inbox.admin.timeline import MAX_EVENTS
from live_inbox.maintenance.expiry import expire_due
from live_inbox.models import Inbox, InboxEvent, Notification
from tests.admin.conftest import MakeStaff
from tests.admin.test_badges import STYLE_LINK

NOW = datetime(2024, 5, 1, 12, 30, 7, tzinfo=UTC)
HEADING = '<h2 id="inbox-timeline-heading">Newest events, with the counts after each</h2>'
TIME = '<time datetime="2024-05-01T12:30:07+00:00">2024-05-01 12:30:07</time>'


def send(user: User, title: str = "x") -> Notification:
    notification = services.send(recipient_id=user.pk, title=title, now=NOW).notification
    assert notification is not None
    return notification


def page(browser: Client, user: User) -> str:
    response = browser.get(f"/admin/live_inbox/inbox/{user.pk}/change/")
    assert response.status_code == 200
    return response.content.decode()


def timeline(shown: str) -> str:
    """Return the part of a page that shows the events."""
    return shown.partition('class="module inbox-timeline"')[2].partition("</section>")[0]


def rows(shown: str) -> list[list[str]]:
    """Return the texts of the cells of the timeline."""
    (body,) = re.findall(r"<tbody>(.*?)</tbody>", timeline(shown), re.DOTALL)
    return [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in body.split("</tr>")[:-1]]


def test_events_are_shown_newest_first(browser: Client, alice: User) -> None:
    kept, gone = send(alice, "Kept"), send(alice, "Gone")
    services.mark_read(user_id=alice.pk, notification_id=kept.pk, now=NOW)
    services.mark_all_read(user_id=alice.pk, now=NOW)
    services.delete(user_id=alice.pk, notification_id=gone.pk, now=NOW)
    ends = NOW + timedelta(seconds=1)
    services.send(recipient_id=alice.pk, title="Offer", expires_at=ends, now=NOW)
    offer = Notification.objects.get(title="Offer")
    expire_due(now=ends)

    shown = page(browser, alice)

    link = f'<a href="/admin/live_inbox/notification/{kept.pk}/change/">Kept</a>'
    general = type_badge("general")
    assert HEADING in shown
    assert STYLE_LINK in shown
    later = TIME.replace("30:07", "30:08")
    assert rows(shown) == [
        ["7", kind_badge("expired"), f"Notification {offer.pk}", general, "0", "1", later],
        ["6", kind_badge("added"), f"Notification {offer.pk}", general, "1", "2", TIME],
        ["5", kind_badge("deleted"), f"Notification {gone.pk}", general, "0", "1", TIME],
        ["4", kind_badge("all_read"), "1 notification", "", "0", "2", TIME],
        ["3", kind_badge("read"), link, general, "1", "2", TIME],
        ["2", kind_badge("added"), f"Notification {gone.pk}", general, "2", "2", TIME],
        ["1", kind_badge("added"), link, general, "1", "1", TIME],
    ]


def test_a_mark_all_read_event_shows_its_count(browser: Client, alice: User) -> None:
    send(alice), send(alice)
    services.mark_all_read(user_id=alice.pk, now=NOW)

    assert rows(page(browser, alice))[0][2] == "2 notifications"


def test_hostile_content_is_escaped(browser: Client, alice: User) -> None:
    send(alice, "<script>1</script>")
    services.delete(user_id=alice.pk, notification_id=send(alice, "gone").pk)
    hostile = "<i>&"
    InboxEvent.objects.filter(kind="deleted").update(
        kind=hostile, payload={"type": hostile, "unread": hostile, "total": hostile}
    )

    shown = rows(page(browser, alice))

    assert shown[0][1] == kind_badge(hostile)
    assert shown[0][3] == type_badge(hostile)
    assert shown[0][4:6] == ["&lt;i&gt;&amp;", "&lt;i&gt;&amp;"]
    assert "&lt;script&gt;1&lt;/script&gt;" in shown[2][2]


def test_an_event_of_a_newer_version_is_shown(browser: Client, alice: User) -> None:
    send(alice)
    InboxEvent.objects.update(kind="pinned", notification_id=None, payload={})

    assert rows(page(browser, alice)) == [["1", kind_badge("pinned"), "", "", "", "", TIME]]


def test_only_the_newest_are_shown_and_the_log_has_the_others(browser: Client, alice: User) -> None:
    for number in range(MAX_EVENTS):
        send(alice, f"number {number}")
    older = 'Older events are in <a href="/admin/live_inbox/inboxevent/?q=alice">the log</a>.'
    assert older not in page(browser, alice)
    send(alice)

    shown = page(browser, alice)

    assert older in shown
    assert [row[0] for row in rows(shown)] == [str(number) for number in range(51, 1, -1)]


def test_an_inbox_without_events_says_so(browser: Client, alice: User) -> None:
    Inbox.objects.create(user=alice)

    shown = page(browser, alice)

    assert '<p class="inbox-note">The log has no events for this inbox.</p>' in shown
    assert "<tbody>" not in timeline(shown)


def test_events_of_others_are_not_shown(browser: Client, alice: User, bob: User) -> None:
    send(alice)
    send(bob, "Secret of bob")

    assert "Secret of bob" not in page(browser, alice)


def test_the_page_costs_the_same_at_any_number_of_events(browser: Client, alice: User) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            page(browser, alice)
        return len(queries)

    send(alice)
    page(browser, alice)
    one = cost()
    for _ in range(59):
        send(alice)

    assert cost() == one


@pytest.mark.parametrize(
    ("codenames", "has_timeline", "has_link"),
    [
        (["view_inbox"], False, False),
        (["view_inbox", "view_notification"], False, False),
        (["view_inbox", "view_inboxevent"], True, False),
        (["view_inbox", "view_inboxevent", "view_notification"], True, True),
    ],
)
def test_the_timeline_requires_permissions(
    staff: MakeStaff, alice: User, codenames: list[str], has_timeline: bool, has_link: bool
) -> None:
    address = f'<a href="/admin/live_inbox/notification/{send(alice, "Title").pk}/change/">'

    shown = page(staff(*codenames), alice)

    assert (HEADING in shown, "Title" in shown) == (has_timeline, has_timeline)
    assert (address in shown) == has_link
