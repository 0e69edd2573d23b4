"""The Django app of the pages. It has templates and no models."""

from __future__ import annotations

from django.apps import AppConfig


class PagesConfig(AppConfig):
    """Makes the templates known."""

    name = "backend.pages"
    label = "pages"
