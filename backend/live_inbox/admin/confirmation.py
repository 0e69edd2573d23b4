"""The page that asks before an action on selected rows which cannot be undone."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import ModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse


def asked(
    page: ModelAdmin[Any], request: HttpRequest, queryset: QuerySet[Any], *, title: str, text: str
) -> TemplateResponse | None:
    """Return the page that asks; None once the user has agreed on it."""
    if request.POST.get("agreed"):
        return None
    context = {
        **page.admin_site.each_context(request),
        "title": title,
        "text": text,
        "opts": page.opts,
        "action": request.POST["action"],
        "action_checkbox_name": ACTION_CHECKBOX_NAME,
        "rows": list(queryset),
        "media": page.media,
    }
    request.current_app = page.admin_site.name
    return TemplateResponse(request, "admin/live_inbox/confirm_action.html", context)
