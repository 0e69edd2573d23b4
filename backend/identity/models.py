"""What identity keeps in the database."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class TokenRevocation(models.Model):
    """The moment before which all tokens of a user were revoked."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="token_revocation",
    )
    not_before = models.DateTimeField(help_text="Tokens issued before this moment are refused.")

    class Meta:
        verbose_name = "token revocation"
        verbose_name_plural = "token revocations"

    def __str__(self) -> str:
        return f"tokens of user {self.user_id} from before {self.not_before:%Y-%m-%d %H:%M:%S}"
