"""A shop, as an example of a project that has an inbox in it."""

from backend.celery import app as celery_app

__all__ = ["celery_app"]
