"""A module that fails."""

schema = 1 / 0
