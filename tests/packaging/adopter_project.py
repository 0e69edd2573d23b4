"""A Django project that is not ours: its own packages `backend` and `graphql_schema`, an app labelled `notifications`,
and users with a UUID and an e-mail address but no username."""

from __future__ import annotations

SETTINGS = """
SECRET_KEY = "the-secret-key-of-a-project-that-installs-the-inbox-for-a-test"
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.admin",
    "backend.notifications",
    "backend.accounts",
    "live_inbox",
]
MIDDLEWARE = [
    "live_inbox.health_middleware.HealthMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
    ]},
}]
ROOT_URLCONF = "backend.urls"
ASGI_APPLICATION = "backend.asgi.application"
AUTH_USER_MODEL = "accounts.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": "project.sqlite3",
    "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20},
}}
USE_TZ = True
STATIC_URL = "/static/"
LIVE_INBOX = {"RECONCILE_SECONDS": 0.2, "TYPES": {"billing": {"label": "Billing"}}}
"""

USER = """
import uuid
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models


class Users(BaseUserManager):
    def create_user(self, email, password=None):
        user = self.model(email=email)
        user.set_password(password)
        user.save()
        return user


class User(AbstractBaseUser, PermissionsMixin):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    objects = Users()
    USERNAME_FIELD = "email"
"""

NOTIFICATIONS = """
from django.conf import settings
from django.db import models


class Notification(models.Model):
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    text = models.TextField()
"""

URLS = """
from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("live_inbox.urls")),
    path("", include("live_inbox.health_urls")),
]
"""

ASGI = """
import os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
from django.core.asgi import get_asgi_application
from live_inbox.asgi import mount

application = mount(get_asgi_application())
"""

FILES = {
    "backend/__init__.py": "",
    "backend/settings.py": SETTINGS,
    "backend/urls.py": URLS,
    "backend/asgi.py": ASGI,
    "backend/accounts/__init__.py": "",
    "backend/accounts/models.py": USER,
    "backend/notifications/__init__.py": "",
    "backend/notifications/models.py": NOTIFICATIONS,
    "graphql_schema/__init__.py": "THEIRS = True\n",
}

SEND = """
import django
django.setup()
import backend, graphql_schema, live_inbox, live_inbox_graphql
from backend.accounts.models import User

assert graphql_schema.THEIRS and hasattr(backend, "settings")
user = User.objects.get(email="ada@example.com")
sent = live_inbox.send(recipient=user, title="Invoice paid", data={"invoice": 42})
print(sent.notification.pk, live_inbox.__version__, live_inbox.__file__, live_inbox_graphql.__file__)
"""
