"""The send form and many recipients: it counts, asks again, and sends once, in the background."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

import live_inbox
from live_inbox.bulk_states import BulkState
from live_inbox.models import BulkSend, Notification
from tests.admin.conftest import MakeStaff
from tests.admin.test_sending import ADD, DECLARED, errors, shown_messages, submit, token_of
from tests.changed_settings import changed_settings
from tests.domain.concurrency import THREADS, at_once
from tests.domain.test_campaigns import SEGMENTS

PREVIEW = "/admin/live_inbox/notification/preview/"
CAMPAIGNS = "/admin/live_inbox/bulksend/"


@pytest.fixture
def crowd(boss: User) -> list[User]:
    """More users than the form sends to without asking."""
    return User.objects.bulk_create(User(username=f"u{n}") for n in range(59))


def hidden_fields(page: str) -> dict[str, list[str]]:
    """What the confirmation page posts."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page):
        found.setdefault(name, []).append(value)
    return found


def confirm(browser: Client, page: Any, **changes: Any) -> Any:
    fields = hidden_fields(page.content.decode()) | {"_confirmed": "Send"} | changes
    return browser.post(ADD, fields)


def campaign_of(response: Any) -> live_inbox.Campaign:
    """The campaign whose page a response leads to."""
    (number,) = re.findall(rf"^{CAMPAIGNS}(\d+)/change/$", response.headers["Location"])
    return live_inbox.campaign(int(number))


def test_it_asks_before_it_sends_to_many(browser: Client, crowd: list[User]) -> None:
    token = token_of(browser)
    page = browser.post(
        ADD, {"everybody": "on", "type": "general", "title": "<b>Hello</b>", "token": token}
    )
    shown = page.content.decode()
    assert page.status_code == 200
    assert "Send to 60 users?" in shown
    assert 'value="Send to 60 users"' in shown
    assert "&lt;b&gt;Hello&lt;/b&gt;" in shown
    assert "<b>Hello" not in shown
    assert not BulkSend.objects.exists()
    assert not Notification.objects.exists()

    response = confirm(browser, page, title="Hello")

    campaign = campaign_of(response)
    assert (campaign.state, campaign.total) == (BulkState.PENDING, 60)
    assert LogEntry.objects.get().get_change_message() == "Sending to 60 users."
    assert live_inbox.run_campaign(campaign.id).sent == 60
    assert set(Notification.objects.values_list("title", "sender__username")) == {("Hello", "boss")}


def test_it_is_sent_to_many_at_a_later_time(browser: Client, crowd: list[User]) -> None:
    later = (timezone.now() + timedelta(days=1)).replace(microsecond=0)
    moment = {"deliver_at_0": f"{later:%Y-%m-%d}", "deliver_at_1": f"{later:%H:%M:%S}"}
    page = submit(browser, everybody="on", token=token_of(browser), **moment)
    campaign = campaign_of(confirm(browser, page))
    assert (campaign.deliver_at, campaign.is_due) == (later, False)
    assert shown_messages(browser) == ["Scheduled for 60 users."]
    address = f"{CAMPAIGNS}{campaign.id}/"
    assert "Scheduled." in browser.get(f"{address}change/").content.decode()
    assert browser.post(f"{address}progress/").json()["state"] == "pending"
    browser.post(f"{address}cancel/")
    BulkSend.objects.update(deliver_at=timezone.now())
    assert live_inbox.run_campaign(campaign.id).state is BulkState.CANCELLED
    assert not Notification.objects.exists()


def test_up_to_fifty_are_sent_at_once(browser: Client, crowd: list[User]) -> None:
    User.objects.filter(pk__in=[user.pk for user in crowd[:10]]).update(is_active=False)
    assert submit(browser, everybody="on").status_code == 302
    assert Notification.objects.count() == 50
    assert submit(browser, *crowd[:51]).status_code == 200
    assert Notification.objects.count() == 50


def test_what_was_selected_is_posted_again(browser: Client, crowd: list[User]) -> None:
    given = {"data": '{"a": 1}', "link": "/x", "priority": "high", "message": 'a "b"\nc'}
    page = submit(browser, *crowd[:55], token=token_of(browser), **given)
    fields = hidden_fields(page.content.decode())
    assert len(fields["recipients"]) == 55
    campaign = campaign_of(confirm(browser, page, data=given["data"], message=given["message"]))
    live_inbox.run_campaign(campaign.id)
    assert campaign.total == 55
    found = set(Notification.objects.values_list("link", "priority", "message"))
    assert found == {("/x", "high", 'a "b"\nc')}


def test_a_double_click_a_reload_and_the_back_button_send_once(
    browser: Client, crowd: list[User]
) -> None:
    page = submit(browser, everybody="on", token=token_of(browser))
    first, second = confirm(browser, page), confirm(browser, page)
    assert campaign_of(first).id == campaign_of(second).id
    # Back to the form, and through the confirmation once more.
    again = confirm(browser, browser.post(ADD, hidden_fields(page.content.decode())))
    assert campaign_of(again).id == campaign_of(first).id
    assert BulkSend.objects.count() == LogEntry.objects.count() == 1
    # The confirmation page has shown those before.
    assert shown_messages(browser) == ["This form was submitted before. Nothing is sent again."]


@pytest.mark.django_db(transaction=True)
def test_a_real_double_click(boss: User, crowd: list[User]) -> None:
    browsers = [Client() for _ in range(THREADS)]
    for browser in browsers:
        browser.force_login(boss)
    fields = {"everybody": "on", "title": "x", "type": "general", "token": "t", "_confirmed": "1"}
    found = at_once(*[partial(each.post, ADD, fields) for each in browsers])
    assert [getattr(each, "status_code", each) for each in found] == [302] * THREADS
    assert BulkSend.objects.count() == 1


def test_a_form_that_has_been_sent_to_others_is_refused(browser: Client, crowd: list[User]) -> None:
    token = token_of(browser)
    confirm(browser, submit(browser, everybody="on", token=token))
    page = submit(browser, *crowd[:55], token=token)
    assert errors(confirm(browser, page)) == {
        "recipients": ["This form has been sent to other users. Open a new one for these."]
    }
    assert BulkSend.objects.count() == 1


def test_wrong_content_is_reported_before_it_asks(browser: Client, crowd: list[User]) -> None:
    found = errors(submit(browser, everybody="on", link="javascript:x"))
    assert found == {"link": ["link must be a path or an http(s) address."]}


def test_a_topic_and_a_segment(browser: Client, crowd: list[User]) -> None:
    assert 'name="segment"' not in browser.get(ADD).content.decode()
    live_inbox.subscribe(user=crowd[0], topic="news")
    submit(browser, topic="news")
    assert Notification.objects.get().recipient == crowd[0]
    Group.objects.create(name="customers").user_set.set(crowd[1:3])
    with changed_settings(SEGMENTS=SEGMENTS):
        assert '<option value="customers">' in browser.get(ADD).content.decode()
        submit(browser, segment="customers", title="Second")
        assert errors(submit(browser, segment="other"))["segment"]
        assert errors(submit(browser, segment="customers", topic="news"))["recipients"]
    assert Notification.objects.filter(title="Second").count() == 2
    assert errors(submit(browser, topic="no blanks"))["topic"]


# -- the preview -----------------------------------------------------------------------------------------


def preview(browser: Client, **fields: Any) -> Any:
    given = {"type": "general", "title": "Hello"} | fields
    return browser.post(PREVIEW, given).json()


def language_of(user: User) -> str:
    """The language of the tests' users."""
    return user.last_name


def test_the_preview_counts_and_sends_nothing(browser: Client, crowd: list[User]) -> None:
    found = preview(browser, everybody="on", link="/x")
    assert found == {
        "count": 60,
        "error": None,
        "cards": [
            {"type": "general", "title": "Hello", "message": "", "link": "/x", "languages": ""}
        ],
    }
    assert preview(browser)["count"] is None
    assert preview(browser, recipients=[crowd[0].pk, crowd[1].pk])["count"] == 2
    assert preview(browser, topic="unknown")["count"] == 0
    assert preview(browser, title="")["cards"] == []
    assert preview(browser, link="javascript:x")["error"]
    assert not BulkSend.objects.exists()
    assert not Notification.objects.exists()


def test_the_preview_has_what_recipients_see_in_their_languages(
    browser: Client, crowd: list[User]
) -> None:
    types = {
        "invoice": {
            "title": {"en": "Invoice {{ n }}", "de": "Rechnung {{ n }}"},
        }
    }
    path = f"{__name__}.language_of"
    with changed_settings(TYPES=types, RECIPIENT_LANGUAGE=path):
        given = {"type": "invoice", "title": "", "context": '{"n": 7}'}
        cards = {card["title"]: card["languages"] for card in preview(browser, **given)["cards"]}
        page = submit(browser, everybody="on", **given).content.decode()
    assert cards["Rechnung 7"].startswith("German")
    assert set(cards) == {"Invoice 7", "Rechnung 7"}
    assert "Rechnung 7" in page
    with changed_settings(TYPES=DECLARED):
        given = {"type": "invoice", "title": "", "context": "{}"}
        assert "needs number" in preview(browser, **given)["error"]


def test_the_preview_requires_the_permission_and_a_post(
    browser: Client, staff: MakeStaff, alice: User
) -> None:
    assert browser.get(PREVIEW).status_code == 405
    assert staff("view_notification").post(PREVIEW, {"title": "x"}).status_code == 403
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(username="boss"))
    assert strict.post(PREVIEW, {"title": "x"}).status_code == 403
