"""Whether the installed graphql-core has what selections are compiled with."""

from __future__ import annotations

import graphql
import pytest

CAN_COMPILE = graphql.version_info >= (3, 3)
needs_compiled_selections = pytest.mark.skipif(not CAN_COMPILE, reason="needs graphql-core 3.3")
