"""The Django app of callers."""

from __future__ import annotations

from django.apps import AppConfig


class IdentityConfig(AppConfig):
    """Tokens, revocations and the accounts behind them."""

    name = "backend.identity"
    label = "identity"
    verbose_name = "Identity"
    default_auto_field = "django.db.models.BigAutoField"
