"""Where Django looks for the class of a backend."""

from __future__ import annotations

from django.db.backends.sqlite3 import base


class DatabaseWrapper(base.DatabaseWrapper):
    """SQLite under another name."""

    vendor = "mysql"
