"""Redirects from the admin URLs of the original guide, in the app `authentication`."""

from __future__ import annotations

from django.urls import URLPattern, path
from django.views.generic import RedirectView

_MODELS = {
    "notification": "live_inbox_notification",
    "notificationpreference": "live_inbox_notificationpreference",
}
_PAGES = {
    "": "changelist",
    "add/": "add",
    "<path:object_id>/change/": "change",
    "<path:object_id>/delete/": "delete",
    "<path:object_id>/history/": "history",
    "<path:object_id>/": "change",
}


def _redirect(old: str, name: str) -> URLPattern:
    view = RedirectView.as_view(pattern_name=f"admin:{name}", permanent=True, query_string=True)
    return path(f"admin/authentication/{old}", view)


original_admin_redirects = [
    path(
        "admin/authentication/",
        RedirectView.as_view(pattern_name="admin:app_list", permanent=True),
        {"app_label": "live_inbox"},
    ),
    *(
        _redirect(f"{model}/{page}", f"{name}_{view}")
        for model, name in _MODELS.items()
        for page, view in _PAGES.items()
    ),
]
"""URL patterns that redirect each old page to the new one. Include them before those of the admin site."""
