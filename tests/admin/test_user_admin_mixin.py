"""The mixin in a project's own user admin, on a site of its own."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin import AdminSite
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import User

from live_inbox import services
from live_inbox.admin.users import InboxUserAdminMixin

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
