"""The connected devices of a user on the page of their inbox."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

import live_inbox
from live_inbox.identity.admissions import OpenSocket
from live_inbox.models import ConnectionReport, TokenRevocation
from live_inbox.services.connection_reports import KEEP, answer
from tests.admin.conftest import MakeStaff


@pytest.fixture
def address(alice: User) -> str:
    """The address of the page of alice's inbox."""
    live_inbox.send(recipient=alice, title="x")
    return f"/admin/live_inbox/inbox/{alice.pk}/"


def test_the_servers_are_asked_and_what_they_answer_is_shown(browser: Client, address: str) -> None:
    page = browser.get(f"{address}change/").content.decode()
    assert f'data-url="{address}connections/"' in page
    assert "connections.js" in page
    assert len(browser.post(f"{address}connections/").json()["inquiry"]) == 16
    # Another one: a server that other tests have left in this process may answer that.
    inquiry = "0123456789abcdef"
    assert browser.get(f"{address}connections/?inquiry={inquiry}").json() == {
        "processes": 0,
        "devices": [],
    }
    answer(inquiry=inquiry, process="a:1", sockets=[OpenSocket("5", "json", "::1", 0, 60, 41)])
    answer(inquiry=inquiry, process="b:2", sockets=[])
    assert browser.get(f"{address}connections/?inquiry={inquiry}").json() == {
        "processes": 2,
        "devices": [
            {
                "id": "5",
                "api": "json",
                "since": "1970-01-01 00:00:00",
                "until": "1970-01-01 00:01:00",
                "position": "41",
                "address": "::1",
                "process": "a:1",
            }
        ],
    }
    for wrong in ("", "x", "%00", "?inquiry=%00"):
        assert browser.get(f"{address}connections/?inquiry={wrong}").json()["processes"] == 0


def test_a_device_that_follows_no_inbox_has_no_position(browser: Client, address: str) -> None:
    answer(inquiry="now", process="a:1", sockets=[OpenSocket("5", "graphql", "::1", 0, 60)])
    (device,) = browser.get(f"{address}connections/?inquiry=now").json()["devices"]
    assert device["position"] == ""


def test_only_a_device_that_was_just_found_is_disconnected(browser: Client, address: str) -> None:
    """The tests of several server processes disconnect one."""
    assert browser.get(f"{address}disconnect/").status_code == 405
    answer(inquiry="now", process="a:1", sockets=[OpenSocket("5", "json", "::1", 0, 60)])
    answer(inquiry="old", process="a:1", sockets=[OpenSocket("6", "json", "::1", 0, 60)])
    ConnectionReport.objects.filter(inquiry="old").update(created_at=timezone.now() - 2 * KEEP)
    answer(inquiry="x", process="a:1", sockets=[])
    for wrong in (
        {},
        {"inquiry": "now", "socket": "7"},
        {"inquiry": "old", "socket": "6"},
        {"inquiry": "\0"},
    ):
        page = browser.post(f"{address}disconnect/", wrong, follow=True).content.decode()
        assert "not known any more" in page
    assert not LogEntry.objects.exists()
    found = {"inquiry": "now", "socket": "5"}
    page = browser.post(f"{address}disconnect/", found, follow=True).content.decode()
    assert "The device is disconnected." in page
    assert LogEntry.objects.get().get_change_message() == (
        "Disconnected a device: json, connected since 1970-01-01 00:00:00."
    )


def test_a_device_is_disconnected_by_the_form_of_the_page_alone(
    browser: Client, address: str
) -> None:
    answer(inquiry="now", process="a:1", sockets=[OpenSocket("5", "json", "::1", 0, 60)])
    found = {"inquiry": "now", "socket": "5"}
    browser.handler.enforce_csrf_checks = True
    assert browser.post(f"{address}disconnect/", found).status_code == 403
    page = browser.get(f"{address}change/").content.decode()
    form = page.partition('id="inbox-disconnect"')[2].partition("</form>")[0]
    token = form.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    found["csrfmiddlewaretoken"] = token
    assert browser.post(f"{address}disconnect/", found).status_code == 302
    assert LogEntry.objects.count() == 1


def test_the_user_is_signed_out_by_a_button(browser: Client, address: str, alice: User) -> None:
    assert browser.get(f"{address}sign_out/").status_code == 405
    answer = browser.post(f"{address}sign_out/", follow=True)
    assert "signed out everywhere" in answer.content.decode()
    assert TokenRevocation.objects.get(user=alice).not_before is not None
    assert LogEntry.objects.get().get_change_message() == "Signed out everywhere."


def test_it_is_for_those_who_may_change_users(staff: MakeStaff, address: str) -> None:
    browser = staff("view_inbox")
    page = browser.get(f"{address}change/")
    assert page.status_code == 200
    assert "inbox-connections" not in page.content.decode()
    for name in ("connections", "disconnect", "sign_out"):
        assert browser.post(f"{address}{name}/").status_code == 403
    assert browser.get(f"{address}connections/?inquiry=x").status_code == 403
    assert not TokenRevocation.objects.exists()
