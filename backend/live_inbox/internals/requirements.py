"""Checks at import that a dependency still has the internals that a module of this package relies on."""

from __future__ import annotations


def require(owner: object, *names: str) -> None:
    """Raise AttributeError if one of the attributes is missing."""
    for name in names:
        getattr(owner, name)
