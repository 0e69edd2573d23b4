"""The module that print_client_types writes: its names are all declared, and its documents fit the schema."""

from __future__ import annotations

import re

from graphql import build_schema, parse, validate

from live_inbox_graphql.schema import sdl
from live_inbox_site.client_types import client_types

BUILT_IN = {"string", "number", "boolean", "unknown", "null"}


def test_every_type_of_a_field_is_declared_once() -> None:
    module = client_types()
    declared = re.findall(r"^export (?:interface|type) (\w+)", module, re.M)
    assert len(declared) == len(set(declared))
    used = {
        name.removesuffix("[]")
        for kind in re.findall(r"^  \w+: (.+);$", module, re.M)
        for name in kind.split(" | ")
        if not name.startswith('"')
    }
    assert {"NotificationPriority", "NotificationFolder", "NotificationChange"} <= used
    assert used - BUILT_IN <= set(declared)


def test_the_document_fits_the_schema_and_has_no_empty_selection() -> None:
    texts = re.findall(r"/\* GraphQL \*/ `\n(.*?)`;", client_types(), re.S)
    document = "\n".join(texts).replace("${NOTIFICATION_FIELDS}", "")
    assert validate(build_schema(sdl()), parse(document)) == []
    assert not re.search(r"{\s*}", document)
