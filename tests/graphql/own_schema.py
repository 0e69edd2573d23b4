"""The product's own schema, built once for all tests."""

from __future__ import annotations

from live_inbox_graphql.schema import own_schema

schema = own_schema()
