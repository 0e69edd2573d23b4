"""The page of delivery statistics."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.template.response import TemplateResponse

from live_inbox import database
from live_inbox.conf import inbox_settings
from live_inbox.models import Notification
from live_inbox.selectors import statistics


def statistics_page(request: HttpRequest, site: AdminSite, media: Any) -> TemplateResponse:
    """Return the page: what was delivered by day and by type, and by campaign to those who may view them.

    The caller has checked the permission to view notifications.
    """
    may_view_campaigns = request.user.has_perm("live_inbox.view_bulksend")
    context = {
        **site.each_context(request),
        "title": "Delivery statistics",
        "opts": Notification._meta,
        "media": media,
        "days": statistics.by_day(now=database.now()),
        "types": statistics.by_type(),
        "campaigns": statistics.by_campaign() if may_view_campaigns else None,
        "most_rows": statistics.MOST_ROWS,
        "day_count": statistics.DAYS,
        "keep_days": inbox_settings().log_keep_days,
    }
    request.current_app = site.name
    return TemplateResponse(request, "admin/live_inbox/notification/statistics.html", context)
