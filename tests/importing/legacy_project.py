"""A project that has used django-notifications-hq and a copy of the original guide, and now installs the inbox, too.

Its apps are labelled `notifications` and `authentication`. The first is the real package where it is installed, and
otherwise a model with the same fields: there is no wheel of the package, and the locks have wheels only.
"""

from __future__ import annotations

SETTINGS = """
import os

import dj_database_url
from django.db.models import options

# django-notifications-hq 1.8.3 declares what Django 5.1 has removed. Projects that have gone on using it do this.
options.DEFAULT_NAMES += ("index_together",)

SECRET_KEY = "the-secret-key-of-a-project-that-installs-the-inbox-for-a-test"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "notifications",
    "authentication",
    "live_inbox",
]
DATABASES = {"default": dj_database_url.parse(os.environ["DATABASE_URL"])}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DJANGO_NOTIFICATIONS_CONFIG = {"USE_JSONFIELD": True, "SOFT_DELETE": True}
USE_TZ = True
"""

AUTHENTICATION = """
from django.contrib.auth.models import User
from django.db import models


class Notification(models.Model):
    user = models.ForeignKey(User, models.CASCADE, related_name="old_notifications")
    sender = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    notification_type = models.CharField(max_length=50, default="general")
    title = models.CharField(max_length=255)
    message = models.TextField()
    link = models.CharField(max_length=255, null=True)
    data = models.JSONField(null=True)
    read = models.BooleanField(default=False)
    created_at = models.DateTimeField()
"""

HQ_MODELS = """
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import models


def reference(**options):
    return models.ForeignKey(ContentType, models.CASCADE, related_name="+", **options)


class Notification(models.Model):
    level = models.CharField(max_length=20, default="info")
    recipient = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="notifications")
    unread = models.BooleanField(default=True)
    actor_content_type = reference()
    actor_object_id = models.CharField(max_length=255)
    verb = models.CharField(max_length=255)
    description = models.TextField(null=True)
    target_content_type = reference(null=True)
    target_object_id = models.CharField(max_length=255, null=True)
    action_object_content_type = reference(null=True)
    action_object_object_id = models.CharField(max_length=255, null=True)
    timestamp = models.DateTimeField()
    public = models.BooleanField(default=True)
    deleted = models.BooleanField(default=False)
    emailed = models.BooleanField(default=False)
    data = models.JSONField(null=True)
"""

HQ_SIGNALS = """
from django.contrib.contenttypes.models import ContentType


class notify:
    @staticmethod
    def send(sender, *, recipient, verb, target=None, action_object=None, **fields):
        from notifications.models import Notification

        row = Notification(recipient=recipient, verb=verb, data={"pages": fields.pop("pages", 0)}, **fields)
        for name, found in (("actor", sender), ("target", target), ("action_object", action_object)):
            if found is not None:
                setattr(row, f"{name}_content_type", ContentType.objects.get_for_model(found))
                setattr(row, f"{name}_object_id", str(found.pk))
        row.data = row.data if row.data["pages"] else None
        row.save()
"""

HQ_FILES = {
    "notifications/__init__.py": "",
    "notifications/models.py": HQ_MODELS,
    "notifications/signals.py": HQ_SIGNALS,
}
"""What stands for the package."""

FILES = {
    "project/__init__.py": "",
    "project/settings.py": SETTINGS,
    "authentication/__init__.py": "",
    "authentication/models.py": AUTHENTICATION,
}

MIGRATE = """
from django.core.management import call_command
import django

django.setup()
call_command("migrate", run_syncdb=True, verbosity=0)
"""

FILL = """
from datetime import UTC, datetime

import django

django.setup()

from authentication.models import Notification as Old
from django.contrib.auth.models import Group, User
from notifications.models import Notification as Hq
from notifications.signals import notify

ada, bob, gone = (User.objects.create_user(name) for name in ("ada", "bob", "gone"))
team = Group.objects.create(name="Team")
then = datetime(2024, 5, 1, 12, tzinfo=UTC)

notify.send(ada, recipient=bob, verb="commented on", target=team, description="Nice.", timestamp=then, pages=3)
notify.send(team, recipient=bob, verb="reached level 60", level="success", timestamp=then)
notify.send(ada, recipient=bob, verb="closed", action_object=bob, target=team, timestamp=then)
notify.send(gone, recipient=ada, verb="has left", timestamp=then)
notify.send(ada, recipient=ada, verb="was deleted", timestamp=then)
Hq.objects.filter(verb="reached level 60").update(unread=False)
Hq.objects.filter(verb="was deleted").update(deleted=True)
gone_id = gone.pk
gone.delete()

Old.objects.create(user=ada, title="Welcome!", message="Hello", created_at=then, link="/home/", read=True)
Old.objects.create(
    user=ada, sender=bob, title="Details Approved", message="", notification_type="User Detail",
    data={"item_id": 7}, created_at=then,
)
Old.objects.create(user=ada, title="T" * 201, message="", created_at=then)
print(ada.pk, bob.pk, gone_id, team.pk)
"""

RUN = """
import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout

import django

django.setup()

from django.core.management import get_commands, load_command_class
from live_inbox.models import Notification

fields = (
    "recipient_id", "sender_id", "type", "title", "message", "link", "data", "created_at", "read_at",
    "idempotency_key",
)


def run(name, *arguments):
    command, code = load_command_class(get_commands()[name], name), 0
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        # The streams of a command are those of its making.
        command = type(command)(stdout=out, stderr=err)
        try:
            command.run_from_argv(["manage.py", name, *arguments])
        except SystemExit as ended:
            code = ended.code
    rows = Notification.objects.order_by("recipient", "id").values_list(*fields)
    return [code, out.getvalue(), err.getvalue(), list(map(list, rows))]


print(json.dumps([run(*command) for command in json.load(sys.stdin)], default=str))
"""
"""Runs the commands of a JSON array on standard input; prints how each ended, and the notifications after it."""
