"""The Django app of the commands."""

from __future__ import annotations

from django.apps import AppConfig


class CommandsConfig(AppConfig):
    """Makes the commands known to `manage.py`. It has no models."""

    name = "backend.commands"
    label = "commands"
    verbose_name = "Commands"
