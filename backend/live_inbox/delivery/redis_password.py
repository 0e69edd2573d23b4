"""A password of Redis in a file, which is read at each connection: it can be changed while servers run."""

from __future__ import annotations

from pathlib import Path

from redis.credentials import CredentialProvider
from redis.exceptions import AuthenticationError


class PasswordFile(CredentialProvider):
    """Credentials of a host of channels-redis: `{"address": url, "credential_provider": PasswordFile(path)}`.

    The file has the password and at most one end of a line. Without a user, the password is that of `default`. The
    connections that are open stay so: Redis does not check them again.
    """

    def __init__(self, path: Path | str, username: str = "") -> None:
        self._path = Path(path)
        self._username = username

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """Return the user, if there is one, and the password. Raises AuthenticationError without a readable one."""
        try:
            password = self._path.read_text().removesuffix("\n").removesuffix("\r")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise AuthenticationError(
                f"No password can be read from {self._path}: {reason}"
            ) from None
        if not password:
            raise AuthenticationError(f"No password can be read from {self._path}: it is empty")
        return (self._username, password) if self._username else (password,)

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        """Return the same. Reads on the event loop: a few bytes, of a file in memory where secrets are mounted."""
        return self.get_credentials()
