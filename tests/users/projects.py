"""The settings of projects with other user models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_SESSIONS = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
_ADMIN = [
    "django.contrib.admin",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
_TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
_WITH_ADMIN = {"MIDDLEWARE": _SESSIONS, "TEMPLATES": _TEMPLATES}

PROJECTS: dict[str, dict[str, Any]] = {
    "by_email": {
        **_WITH_ADMIN,
        "INSTALLED_APPS": ["live_inbox", *_ADMIN, "tests.users.by_email"],
        "AUTH_USER_MODEL": "by_email.User",
        "AUTHENTICATION_BACKENDS": [
            "tests.users.by_email.backends.SingleSignOn",
            "django.contrib.auth.backends.ModelBackend",
        ],
    },
    "by_code": {
        **_WITH_ADMIN,
        "INSTALLED_APPS": [*_ADMIN, "tests.users.by_code", "live_inbox"],
        "AUTH_USER_MODEL": "by_code.User",
        # The real ones: the types of our columns come from the text key.
        "MIGRATION_MODULES": {},
    },
    "bare": {
        "INSTALLED_APPS": ["tests.users.bare", "live_inbox"],
        "AUTH_USER_MODEL": "bare.User",
        "MIDDLEWARE": ["django.middleware.common.CommonMiddleware"],
        "AUTHENTICATION_BACKENDS": [],
    },
    "rest": {
        "INSTALLED_APPS": ["rest_framework.authtoken", "live_inbox"],
        "MIDDLEWARE": ["django.middleware.common.CommonMiddleware"],
    },
}
"""What differs between the projects."""


def settings_of(name: str, directory: Path) -> dict[str, Any]:
    """Return the settings of a project whose database is in this directory."""
    project = PROJECTS[name]
    apps = ["django.contrib.auth", "django.contrib.contenttypes", *project["INSTALLED_APPS"]]
    return {
        "SECRET_KEY": "the secret key of a project that is not ours, for a test",
        "ALLOWED_HOSTS": ["127.0.0.1", "testserver"],
        "ROOT_URLCONF": "tests.users.urls",
        "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
        "DATABASES": {
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(directory / "project.sqlite3"),
                "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20},
            }
        },
        # Made from the models: the migrations of Django's own apps would take most of the time.
        "MIGRATION_MODULES": dict.fromkeys(
            ("auth", "contenttypes", "admin", "sessions", "authtoken", "live_inbox")
        ),
        "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"],
        "STATIC_URL": "/static/",
        "USE_TZ": True,
        # What is closed in a test, a doorbell has closed.
        "LIVE_INBOX": {"HOUSEKEEPING": False, "SESSION_CHECK_SECONDS": 300},
        **project,
        "INSTALLED_APPS": apps,
    }
