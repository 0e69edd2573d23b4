"""Replaces secrets in text by `***`: tokens, tickets, passwords, cookies, and the secrets of the settings.

Clients choose what much of this text is, so each pattern is linear in its length: `tests/test_linear_time.py`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from django.conf import settings as django_settings
from django.core.signals import setting_changed
from django.dispatch import receiver

from live_inbox.conf import inbox_settings

REDACTED = "***"
_SHORTEST_SECRET = 8

# `token=...` in query strings and representations, `sessionid=...` in cookies.
_ASSIGNED = re.compile(
    r"((?:token|ticket|password|passwd|secret|sessionid|authorization|authtoken|jwt)=\\?[\"']?)[^&\s\"'\\]+",
    re.IGNORECASE,
)

# A name with an escape may be any of these once it is decoded.
_ESCAPED = re.compile(r"([?&][^=&?\s\"'%]*%[^=&?\s\"']*=)[^&\s\"']+")

# `Bearer ...`, and the subprotocol `bearer....`. Only what looks like a token: these are also words of sentences.
_SCHEME = re.compile(
    r"((?:bearer|jwt|token)(?:[ .+:]|%20){1,8})(?=[^\s\"',;\\<]{0,64}[0-9._~/=-])[^\s\"',;\\<]{8,}",
    re.IGNORECASE,
)

_NAMES = (
    r"authorization|cookie|x-session-token|x-csrftoken|x-api-key|token|ticket|authtoken|password|secret|"
    r"sessionid|session_key"
)

# `"Authorization": "..."`, `(b'cookie', b'...')`, and the same within a JSON string.
_QUOTED = re.compile(
    rf"((?:{_NAMES})\\?[\"']{{1,2}}\s{{0,4}}[:,=]\s{{0,4}}b?\\?[\"'])[^\"'\\]+", re.IGNORECASE
)

# `Authorization: ...`, as a line of a request.
_HEADER = re.compile(
    r"((?:authorization|cookie|x-session-token|x-csrftoken|x-api-key):[ \t]{0,4})[^\r\n\"']+",
    re.IGNORECASE,
)

# A JSON web token, wherever it is: its header begins with `{"`.
_JSON_WEB_TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,4}")

# The password of a URL.
_USER_INFO = re.compile(r"(://[^/\s:@]*:)[^/\s@]+(?=@)")

_PATTERNS = (_ASSIGNED, _ESCAPED, _QUOTED, _HEADER, _SCHEME, _USER_INFO)
_MOST_REPEATED = 20


def redacted(text: str) -> str:
    """Return the text with each secret replaced by `***`, also where it is repeated without a name."""
    for secret in known_secrets():
        text = text.replace(secret, REDACTED)
    text = _JSON_WEB_TOKEN.sub(REDACTED, text)
    found: list[str] = []

    def replace(match: re.Match[str]) -> str:
        value = match[0][len(match[1]) :]
        if len(value) >= _SHORTEST_SECRET and len(found) < _MOST_REPEATED:
            # Without the scheme: `Bearer abc` is repeated as `abc`.
            found.append(value.rpartition(" ")[2])
        return match[1] + REDACTED

    for pattern in _PATTERNS:
        text = pattern.sub(replace, text)
    for secret in found:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, REDACTED)
    return text


@lru_cache(maxsize=1)
def known_secrets() -> tuple[str, ...]:
    """Return the secrets of the settings, the longest first; none while the settings are wrong."""
    try:
        found = set(_secrets())
    except Exception:  # whoever reads the settings reports what is wrong with them
        return ()
    return tuple(sorted(found, key=len, reverse=True))


def _secrets() -> list[str]:
    settings = inbox_settings()
    databases: Any = django_settings.DATABASES.values()
    candidates = [
        django_settings.SECRET_KEY,
        *django_settings.SECRET_KEY_FALLBACKS,
        settings.jwt_secret,
        *settings.jwt_previous_secrets,
        settings.metrics_token,
        *settings.jwt_jwks_headers.values(),
        *settings.action_webhook_secrets,
        # Many receivers are told apart by a secret within their address.
        settings.action_webhook_url,
        *(database.get("PASSWORD") for database in databases),
        django_settings.EMAIL_HOST_PASSWORD,
    ]
    return [each for each in candidates if isinstance(each, str) and len(each) >= _SHORTEST_SECRET]


@receiver(setting_changed)
def _read_again(**kwargs: Any) -> None:
    """Read the secrets again after a test has overridden settings."""
    known_secrets.cache_clear()
