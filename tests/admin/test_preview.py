"""The preview of the send form: the markup for the script, and the safety of the script."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.test import Client

from tests.admin.test_badges import STYLE_LINK

ADD = "/admin/live_inbox/notification/add/"
SCRIPT = '<script src="/static/live_inbox/admin/preview.js" defer></script>'
SECTION = (
    '<section class="module inbox-preview" id="inbox-preview" '
    'aria-labelledby="inbox-preview-heading" aria-live="off" '
    'data-url="/admin/live_inbox/notification/preview/" hidden>\n'
    '<h2 id="inbox-preview-heading">Preview</h2>'
)


def script() -> str:
    path = finders.find("live_inbox/admin/preview.js")
    assert isinstance(path, str)
    with open(path, encoding="utf-8") as file:
        return file.read()


def test_the_form_has_a_preview_that_is_hidden_until_the_script_runs(browser: Client) -> None:
    shown = browser.get(ADD).content.decode()

    assert SECTION in shown
    assert shown.index(SECTION) < shown.index('value="Send"')
    assert SCRIPT in shown
    assert STYLE_LINK in shown


def test_the_script_finds_its_fields_and_parts(browser: Client) -> None:
    shown = browser.get(ADD).content.decode()

    for name in ("type", "title", "message", "link"):
        assert f'id="id_{name}"' in shown
        assert f'data-preview="{name}"' in shown


def test_other_pages_do_not_load_the_script(browser: Client) -> None:
    assert "preview.js" not in browser.get("/admin/live_inbox/notification/").content.decode()


def test_the_server_puts_no_content_into_the_preview(browser: Client, alice: User) -> None:
    """A refused form repeats the input in its fields only, escaped."""
    hostile = "<img src=x onerror=alert(1)>"
    form: dict[str, Any] = {"type": "no type", "title": hostile, "recipients": [alice.pk]}

    shown = browser.post(ADD, form).content.decode()

    assert SECTION in shown
    assert hostile not in shown
    assert shown.count("&lt;img src=x onerror=alert(1)&gt;") == 1


@pytest.mark.parametrize("name", ["innerHTML", "outerHTML", "insertAdjacentHTML", "write(", "eval"])
def test_the_script_creates_no_markup_from_text(name: str) -> None:
    assert name not in script()
    assert script().count(".textContent = ") == 2
