"""Signatures of webhooks by the scheme of Standard Webhooks 1.0 (https://www.standardwebhooks.com).

Receivers verify them by one of its libraries, or by a few lines of their own: docs/webhooks.md.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

_PREFIX = "whsec_"
LEAST_BYTES = 24
MOST_BYTES = 64


def secret_in(text: str) -> bytes:
    """Return the key in a secret: `whsec_` and 24 to 64 bytes in base64.

    Raises ValueError, whose message does not have the secret.
    """
    encoded = text.removeprefix(_PREFIX)
    try:
        key = base64.b64decode(encoded, validate=True) if encoded != text else b""
    except (binascii.Error, ValueError):
        key = b""
    if not LEAST_BYTES <= len(key) <= MOST_BYTES:
        raise ValueError(
            f"a secret is {_PREFIX} and {LEAST_BYTES} to {MOST_BYTES} random bytes in base64"
        )
    return key


def signed_headers(
    *, message_id: str, timestamp: int, body: bytes, secrets: Sequence[bytes]
) -> dict[str, str]:
    """Return the headers of a message: its id, the time of the attempt in unix seconds, and a signature by each secret.

    The receiver accepts a message that one of them fits, so that secrets can be rotated.
    """
    content = b".".join([message_id.encode(), str(timestamp).encode(), body])
    signatures = [
        base64.b64encode(hmac.digest(secret, content, hashlib.sha256)).decode()
        for secret in secrets
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
