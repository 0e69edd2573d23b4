"""Users with nothing that Django does not demand: no permissions, no password, nobody inactive."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models


class Users(BaseUserManager["User"]):
    """Creates users with a handle."""

    def create_user(self, name: str, **fields: Any) -> User:
        """Return a new user."""
        return self.create(handle=name, **fields)


class User(AbstractBaseUser):
    """A user whom another service has authenticated."""

    password = None  # type: ignore[assignment]  # removes the column
    last_login = None
    handle = models.CharField(max_length=40, unique=True)
    objects: ClassVar[Users] = Users()
    USERNAME_FIELD = "handle"
