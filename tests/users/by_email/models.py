"""Users with a UUID and an e-mail address, and no username."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models


class Users(BaseUserManager["User"]):
    """Creates users with an e-mail address."""

    def create_user(self, name: str, **fields: Any) -> User:
        """Return a new user."""
        return self.create(email=name, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A user who signs in with an e-mail address."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    objects: ClassVar[Users] = Users()
    USERNAME_FIELD = "email"


class Customer(User):
    """The users whom the project deletes by this proxy."""

    class Meta:
        proxy = True


class Attachment(models.Model):
    """A table of the project that refers to notifications."""

    notification = models.ForeignKey("live_inbox.Notification", models.CASCADE)
