"""The authenticators of docs/authentication.md, as the page has them."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async

PAGE = Path(__file__).resolve().parents[2] / "docs" / "authentication.md"
_IMPORTED = "from live_inbox.authentication import AuthenticationFailed"


def documented(name: str) -> str:
    """Return the dotted path of a class of the page, which is made in this module."""
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (imports,) = [text.partition("class ")[0] for text in examples if _IMPORTED in text]
    (text,) = [text for text in examples if f"class {name}" in text]
    names: dict[str, Any] = {"__name__": __name__, "sync_to_async": sync_to_async, "time": time}
    exec(imports + text, names)
    globals()[name] = names[name]
    return f"{__name__}.{name}"
