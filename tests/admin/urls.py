"""The URLs of the admin tests: the admin site only."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path

from live_inbox.admin.urls import original_admin_redirects

urlpatterns = [*original_admin_redirects, path("admin/", admin.site.urls)]
