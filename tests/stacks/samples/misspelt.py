"""Names a stack that there is not."""

from __future__ import annotations

import pytest


@pytest.mark.stack("other")
def test_nothing() -> None:
    pass
