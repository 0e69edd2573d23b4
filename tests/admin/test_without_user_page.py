"""The admin on a site without a user admin: users are selected by their keys."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin import AdminSite
from django.contrib.admin.widgets import ForeignKeyRawIdWidget, ManyToManyRawIdWidget
from django.contrib.auth.models import User

from live_inbox.admin.preferences import PreferenceAdmin
from live_inbox.admin.sending import SendForm
from live_inbox.models import Notification, NotificationPreference

pytestmark = pytest.mark.django_db


def test_the_checks_pass() -> None:
    site = AdminSite()
    site.register(NotificationPreference, PreferenceAdmin)
    assert PreferenceAdmin(NotificationPreference, site).check() == []
    assert site.check(None) == []


def test_a_preference_takes_the_key_of_a_user(rf: Any) -> None:
    page = PreferenceAdmin(NotificationPreference, AdminSite())
    field = NotificationPreference._meta.get_field("user")
    widget = page.formfield_for_foreignkey(field, rf.get("/")).widget
    assert isinstance(widget, ForeignKeyRawIdWidget)
    assert 'name="user" value="7"' in widget.render("user", 7)


def test_the_send_form_takes_keys_separated_by_commas() -> None:
    alice, bob = (User.objects.create_user(name) for name in ("alice", "bob"))
    keys = f"{alice.pk},{bob.pk}"
    form = SendForm({"recipients": keys, "type": "general", "title": "Hi"}, site=AdminSite())
    assert isinstance(form.fields["recipients"].widget, ManyToManyRawIdWidget)
    assert form.is_valid(), form.errors
    outcome = form.send(User.objects.create_superuser("root"))
    assert outcome is not None
    assert outcome.sent == 2
    assert Notification.objects.filter(title="Hi").count() == 2
