"""What holds for the answers of the GraphQL API, over HTTP and on sockets."""

from __future__ import annotations

from typing import Any

from tests.fuzzing.soundness import Unsound


def check_errors(content: Any, sent: object) -> None:
    """Raise Unsound for an error without a code, and for one that is the server's own fault."""
    for error in content.get("errors") or ():
        code = error.get("extensions", {}).get("code")
        if code is None or code == "INTERNAL_SERVER_ERROR":
            raise Unsound(f"{error} for {sent!r}")
