"""The combinations of versions that `make matrix` tests: the ends of the ranges in pyproject.toml, and some between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

EVERYWHERE = (
    "tests/graphql/test_project_schema.py",
    "tests/graphql/test_schema.py",
    "tests/graphql/test_documents.py",
    "tests/graphql/test_errors.py",
    "tests/graphql/test_queries.py",
    "tests/graphql/test_mutations.py",
    "tests/graphql/test_subscriptions.py",
    "tests/internals",
    "tests/delivery/test_channel_layer.py",
    "tests/domain/test_following.py",
    "tests/domain/test_send.py",
    "tests/admin/test_notifications.py",
    "tests/json_api",
)
"""Tests that need no other servers: both APIs, the admin, what relies on internals."""

ON_REDIS = (
    "tests/delivery/test_redis_layer.py",
    "tests/delivery/test_doorbell_on_redis.py",
    "tests/limits",
)
"""Tests on a real Redis, which they start."""

COMPILED = ("tests/graphql/test_compiled.py",)
"""Tests of the compiled selections, for graphql-core 3.3."""


@dataclass(frozen=True, slots=True)
class Combination:
    """One environment: a Python, and versions of packages. Packages that it does not name are as new as they can be."""

    name: str
    python: str
    versions: Mapping[str, str] = field(default_factory=dict)
    tests: tuple[str, ...] = EVERYWHERE + ON_REDIS + COMPILED


LOWEST = {
    "Django": "5.2",
    "strawberry-graphql": "0.319.0",
    "graphql-core": "3.2.7",
    "channels": "4.0.0",
    "channels-redis": "4.1.0",
    "limits": "5.0.0",
    "redis": "5.0.0",
}
"""The lower ends of the ranges."""

COMBINATIONS = (
    # Without compiled selections, which need graphql-core 3.3.
    Combination("lowest", "3.11", LOWEST, EVERYWHERE + ON_REDIS),
    Combination(
        "lowest-graphql-3.3",
        "3.12",
        LOWEST | {"strawberry-graphql": "0.324.0", "graphql-core": "3.3.0"},
    ),
    Combination("redis-5", "3.12", {"redis": "5.3.1"}, (*ON_REDIS, "tests/internals")),
    Combination("redis-6", "3.12", {"redis": "6.4.0"}, (*ON_REDIS, "tests/internals")),
    Combination("redis-7", "3.12", {"redis": "7.4.1"}, (*ON_REDIS, "tests/internals")),
    Combination("django-5.2", "3.13", {"Django": "5.2.*"}),
    Combination("newest-3.12", "3.12"),
    Combination("newest-3.13", "3.13"),
    Combination("newest-3.14", "3.14"),
)
