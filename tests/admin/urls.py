"""The admin site alone: its tests need no other door."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path

from live_inbox.admin.urls import legacy_admin_urls

urlpatterns = [*legacy_admin_urls, path("admin/", admin.site.urls)]
