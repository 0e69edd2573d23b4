"""A second way to sign in, beside Django's."""

from __future__ import annotations

from django.contrib.auth.backends import ModelBackend


class SingleSignOn(ModelBackend):
    """Finds users as Django's backend does."""
