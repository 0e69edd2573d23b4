"""Links of what notifications of the tests are about: the site's setting TARGET_LINKS names this function."""

from __future__ import annotations

from collections.abc import Collection, Mapping


def links_of(keys: Collection[str]) -> Mapping[str, str]:
    """Return the links of orders with numbers; there are no others."""
    return {key: f"/orders/{key}" for key in keys if key.isdecimal()}
