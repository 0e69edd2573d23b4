"""The app that changes a project's admin site, and that nothing else does."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.test import Client

from live_inbox import services
from live_inbox.admin_site_extras.admin import InboxUserAdmin, change_titles, extend_user_admin
from tests.domain.query_counting import queries


class ProjectUserAdmin(UserAdmin):  # type: ignore[type-arg]  # generic in stubs only
    list_display = ("username", "date_joined")


def test_titles_of_the_project_stay() -> None:
    site = AdminSite()
    site.site_header = "Shop"
    change_titles(site)
    assert (site.site_header, site.site_title) == ("Shop", "Notification inbox")


def test_the_user_admin_of_the_project_keeps_its_options(rf: Any) -> None:
    site = AdminSite()
    site.register(User, ProjectUserAdmin)
    extend_user_admin(site)
    extend_user_admin(site)
    page: ModelAdmin[Any] = site.get_model_admin(User)
    assert type(page).__bases__ == (InboxUserAdmin, ProjectUserAdmin)
    assert page.check() == []
    shown = page.get_list_display(rf.get("/"))
    assert shown == ("username", "date_joined", "unread_notifications")


def test_a_site_without_users_gets_none() -> None:
    site = AdminSite()
    extend_user_admin(site)
    assert not site.is_registered(User)


@pytest.mark.django_db
def test_the_list_of_users_shows_unread_counts_without_a_query_for_each(
    browser: Client, alice: User, bob: User
) -> None:
    with queries() as before:
        browser.get("/admin/auth/user/")
    for _ in range(3):
        services.send(recipient_id=alice.pk, title="x")
    services.send(recipient_id=bob.pk, title="x")
    with queries() as after:
        page = browser.get("/admin/auth/user/").content.decode()
    assert '<td class="field-unread_notifications">3</td>' in page
    assert '<td class="field-unread_notifications">1</td>' in page
    assert len(after) == len(before)
