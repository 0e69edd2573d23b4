"""The admin of bulk sends."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from live_inbox import services
from live_inbox.models import BulkSend
from live_inbox.services import bulk_sending

LIST = "/admin/live_inbox/bulksend/"


@pytest.fixture(autouse=True)
def _bulk_send(alice: User, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_sending, "SEND_CHUNK", 2)
    carol = User.objects.create_user("carol")
    services.set_preference(user_id=bob.pk, type="general", enabled=False)
    users = [alice.pk, bob.pk, carol.pk]
    services.send_many(
        recipient_ids=users, sender_id=carol.pk, title="x", idempotency_key="release-7"
    )


def test_the_list_says_how_far_each_came(browser: Client) -> None:
    page = browser.get(LIST)
    (row,) = page.context["cl"].result_list
    assert (row.recipients, row.sent_sum, row.suppressed_sum, row.chunks) == (3, 2, 1, 2)
    assert "release-7" in page.content.decode()
    assert len(browser.get(f"{LIST}?q=release-7").context["cl"].result_list) == 1
    assert len(browser.get(f"{LIST}?q=release").context["cl"].result_list) == 0


def test_a_bulk_send_is_shown_and_cannot_be_changed(browser: Client) -> None:
    address = f"{LIST}{BulkSend.objects.get().pk}/change/"
    assert "release-7" in browser.get(address).content.decode()
    assert browser.post(address, {"idempotency_key": "other"}).status_code == 403
    assert browser.get(f"{LIST}add/").status_code == 403
    assert BulkSend.objects.get().idempotency_key == "release-7"


def test_one_whose_sender_has_been_deleted_has_a_number(browser: Client) -> None:
    User.objects.get(username="carol").delete()
    row = BulkSend.objects.get()
    assert f"Bulk send {row.pk}" in browser.get(LIST).content.decode()


def test_the_list_costs_the_same_at_any_length(browser: Client, alice: User) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            browser.get(LIST)
        return len(queries)

    few = cost()
    for number in range(5):
        services.send_many(recipient_ids=[alice.pk], title="x", idempotency_key=f"k{number}")
    assert cost() == few
