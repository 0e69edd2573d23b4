"""The admin of bulk sends."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

import live_inbox
from live_inbox import services
from live_inbox.admin import campaign_progress
from live_inbox.admin.sending import new_token
from live_inbox.bulk_states import BulkState
from live_inbox.models import BulkSend, ScheduledSend
from live_inbox.services import bulk_sending, campaign_running
from tests.admin.conftest import MakeStaff
from tests.changed_settings import changed_settings

LIST = "/admin/live_inbox/bulksend/"


@pytest.fixture(autouse=True)
def _bulk_send(alice: User, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_sending, "SEND_CHUNK", 2)
    carol = User.objects.create_user("carol")
    services.set_preference(user_id=bob.pk, type="general", enabled=False)
    users = [alice.pk, bob.pk, carol.pk]
    services.send_many(
        recipient_ids=users, sender_id=carol.pk, title="Version 7", idempotency_key="release-7"
    )


def names(browser: Client) -> list[str]:
    """Return the first column of the list."""
    page = browser.get(LIST).content.decode()
    return re.findall(r'class="field-name"><a [^>]*>([^<]*)</a>', page)


def test_the_list_says_how_far_each_came(browser: Client) -> None:
    page = browser.get(LIST)
    (row,) = page.context["cl"].result_list
    assert (row.recipients, row.sent, row.suppressed, row.chunks) == (3, 2, 1, 2)
    # The key is what finds it, and no name: the send form makes hashes of its own.
    assert "release-7" not in page.content.decode()
    assert names(browser) == ["Version 7"]
    assert len(browser.get(f"{LIST}?q=release-7").context["cl"].result_list) == 1
    assert len(browser.get(f"{LIST}?q=release").context["cl"].result_list) == 0


def test_a_bulk_send_is_shown_and_cannot_be_changed(browser: Client) -> None:
    address = f"{LIST}{BulkSend.objects.get().pk}/change/"
    assert "release-7" in browser.get(address).content.decode()
    assert browser.post(address, {"idempotency_key": "other"}).status_code == 403
    assert browser.get(f"{LIST}add/").status_code == 403
    assert BulkSend.objects.get().idempotency_key == "release-7"


def test_one_whose_sender_has_been_deleted_keeps_its_title(browser: Client) -> None:
    User.objects.get(username="carol").delete()
    assert BulkSend.objects.get().idempotency_key is None
    assert names(browser) == ["Version 7"]


def test_the_type_stands_for_titles_that_its_template_makes(
    browser: Client, alice: User, bob: User
) -> None:
    with changed_settings(TYPES={"greeting": {"title": "Hello"}}):
        for key in ("a", "b"):
            services.send_many(
                recipient_ids=[alice.pk, bob.pk],
                type="greeting",
                title="Given" if key == "b" else None,
                idempotency_key=key,
            )
    assert names(browser) == ["Given", "greeting", "Version 7"]


def test_a_small_send_of_the_form_is_shown_by_its_title(
    browser: Client, alice: User, bob: User
) -> None:
    form = {
        "recipients": [alice.pk, bob.pk],
        "type": "news",
        "title": "To two",
        "data": "{}",
        "token": new_token(),
    }
    assert browser.post("/admin/live_inbox/notification/add/", form).status_code == 302
    assert names(browser) == ["To two", "Version 7"]


def test_the_list_costs_the_same_at_any_length(browser: Client, alice: User) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            browser.get(LIST)
        return len(queries)

    few = cost()
    for number in range(5):
        services.send_many(recipient_ids=[alice.pk], title="x", idempotency_key=f"k{number}")
    assert cost() == few


# -- the page of a campaign ------------------------------------------------------------------------------


def started(sender: User | None = None) -> tuple[live_inbox.Campaign, str]:
    campaign = live_inbox.start_campaign(everybody=True, title="y", sender=sender)
    return campaign, f"{LIST}{campaign.id}/"


def test_the_page_shows_how_far_it_is_and_works_on_it(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaign_progress, "WORK_SECONDS", 0)
    monkeypatch.setattr(campaign_running, "STEP_RECIPIENTS", 2)
    _, address = started()
    page = browser.get(f"{address}change/").content.decode()
    assert '<progress max="4" value="0"' in page
    assert "campaign.js" in page
    assert f'action="{address}cancel/"' in page
    assert f'action="{address}recall/"' in page
    before = browser.get(f"{address}progress/").json()
    assert (before["state"], before["done"], before["isDue"]) == ("pending", 0, True)
    # Each request makes a step here.
    after = [browser.post(f"{address}progress/").json() for _ in range(3)]
    assert [each["done"] for each in after] == [2, 4, 4]
    assert after[-1] == {
        "state": "done",
        "text": "Sent.",
        "isDue": False,
        "done": 4,
        "total": 4,
        "counts": {
            "total": 4,
            "sent": 3,
            "suppressed": 1,
            "failed": 0,
            "scheduled": 0,
            "recalled": 0,
        },
    }
    page = browser.get(f"{address}change/").content.decode()
    assert f'action="{address}cancel/"' not in page
    assert 'data-due="false"' in page


def test_it_is_cancelled_and_recalled_by_buttons(browser: Client) -> None:
    campaign, address = started()
    for name in ("cancel", "recall"):
        assert browser.get(f"{address}{name}/").status_code == 405
    answer = browser.post(f"{address}cancel/", follow=True)
    assert "Cancelled: nobody else gets it." in answer.content.decode()
    assert live_inbox.campaign(campaign.id).state is BulkState.CANCELLED
    assert "it has ended" in browser.post(f"{address}cancel/", follow=True).content.decode()
    browser.post(f"{address}recall/")
    browser.post(f"{address}progress/")
    assert live_inbox.campaign(campaign.id).state is BulkState.RECALLED
    texts = [entry.get_change_message() for entry in LogEntry.objects.order_by("pk")]
    assert texts == ["Cancelled.", "Recalled."]


def test_what_send_many_has_scheduled_is_cancelled_by_its_button(
    browser: Client, alice: User, bob: User
) -> None:
    sent = live_inbox.send_many(
        recipients=[alice, bob], title="y", idempotency_key="k", deliver_at=timedelta(hours=1)
    )
    address = f"{LIST}{sent.campaign_id}/"
    before = browser.get(f"{address}progress/").json()
    assert (before["text"], before["counts"]["scheduled"]) == ("Scheduled.", 2)
    browser.post(f"{address}cancel/")
    after = browser.get(f"{address}progress/").json()
    assert (after["state"], after["counts"]["scheduled"]) == ("cancelled", 0)
    assert not ScheduledSend.objects.exists()


def test_who_has_sent_it_sees_it_and_others_do_not(staff: MakeStaff) -> None:
    browser = staff("send_notification")
    clerk = User.objects.get(username="clerk")
    _, own = started(clerk)
    _, other = started()
    assert browser.get(f"{own}change/").status_code == 200
    assert browser.post(f"{own}progress/").json()["state"] == "done"
    for name in ("change", "progress"):
        assert browser.get(f"{other}{name}/").status_code == 403
    for name in ("cancel", "recall"):
        assert browser.post(f"{other}{name}/").status_code == 403
    assert browser.get(LIST).status_code == 403
    assert browser.get(f"{LIST}999999/progress/").status_code == 404
    assert browser.get(f"{LIST}x/progress/").status_code == 404


def test_who_may_only_view_ends_nothing(staff: MakeStaff) -> None:
    browser = staff("view_bulksend")
    campaign, address = started()
    page = browser.get(f"{address}change/").content.decode()
    assert "<progress" in page
    assert "recall/" not in page
    for name in ("cancel", "recall"):
        assert browser.post(f"{address}{name}/").status_code == 403
    # It does not work on it either.
    assert browser.post(f"{address}progress/").json()["state"] == "pending"
    assert live_inbox.campaign(campaign.id).state is BulkState.PENDING


def test_the_page_counts_who_has_seen_and_read_it(browser: Client, alice: User) -> None:
    campaign, address = started()
    live_inbox.run_campaign(campaign.id)
    live_inbox.mark_all_read(user=alice)
    page = browser.get(f"{address}change/").content.decode()
    assert re.search(r'<div class="readonly">everybody</div>', page)
    assert "1 have seen it, 1 have read it" in page
