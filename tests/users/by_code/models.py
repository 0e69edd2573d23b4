"""Users whose key is a text: the code with which they sign in."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models


class Users(BaseUserManager["User"]):
    """Creates users with a code."""

    def create_user(self, name: str, **fields: Any) -> User:
        """Return a new user."""
        return self.create(code=name, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A user with a code, such as `ä/1 ?`."""

    code = models.CharField(primary_key=True, max_length=40)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    objects: ClassVar[Users] = Users()
    USERNAME_FIELD = "code"

    def get_full_name(self) -> str:
        """Return the name that others see."""
        return f"Number {self.code}"
