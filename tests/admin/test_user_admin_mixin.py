"""A project's own user admin, with the mixin and without it, on a site of its own."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin import AdminSite
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import User
from django.urls import resolve

from live_inbox import services
from live_inbox.admin.users import InboxUserAdminMixin
from live_inbox.models import Inbox, InboxEvent, Notification, NotificationPreference

pytestmark = pytest.mark.django_db


class ProjectUserAdmin(InboxUserAdminMixin, DjangoUserAdmin):  # type: ignore[type-arg]  # generic in stubs only
    list_display = ("username", "date_joined")


def test_the_checks_pass_and_the_project_keeps_its_options() -> None:
    page = ProjectUserAdmin(User, AdminSite())
    assert page.check() == []
    assert page.list_display == ("username", "date_joined")


def test_an_inbox_is_counted_and_requires_no_permission_of_its_own(rf: Any) -> None:
    alice = User.objects.create_user("alice")
    for _ in range(3):
        services.send(recipient_id=alice.pk, title="x")
    request = rf.get("/")
    request.user = User.objects.create_user("clerk", is_staff=True)

    listed, counts, lacking, protected = ProjectUserAdmin(User, AdminSite()).get_deleted_objects(
        [alice], request
    )

    assert listed == ["User: alice", "Notifications: 3", "Inboxes: 1", "Inbox events: 3"]
    assert (counts["notifications"], counts["inbox events"], counts["inboxes"]) == (3, 3, 1)
    assert (lacking, protected) == (set(), [])


def test_without_the_mixin_an_inbox_is_deleted_with_its_user(rf: Any) -> None:
    alice = User.objects.create_user("alice")
    services.send(recipient_id=alice.pk, title="x")
    services.set_preference(user_id=alice.pk, type="news", enabled=False)
    request = rf.get("/")
    request.user = User.objects.create_user("clerk", is_staff=True)
    site = AdminSite()
    for model in (Notification, NotificationPreference, Inbox, InboxEvent):
        site.register(model, type(admin.site.get_model_admin(model)))

    found = DjangoUserAdmin(User, site).get_deleted_objects([alice], request)
    alice.delete()

    assert found == (["User: alice"], {"users": 1}, set(), [])
    assert not Inbox.objects.exists()


def test_the_log_cannot_be_deleted_on_its_own_pages_but_along_with_something(rf: Any) -> None:
    page = admin.site.get_model_admin(InboxEvent)
    request = rf.get("/")
    assert not page.has_delete_permission(request, InboxEvent())
    request.resolver_match = resolve("/admin/live_inbox/inboxevent/1/delete/")
    assert not page.has_delete_permission(request, InboxEvent())
    request.resolver_match = resolve("/admin/auth/user/1/delete/")
    assert page.has_delete_permission(request, InboxEvent())
    assert not page.has_delete_permission(request)
