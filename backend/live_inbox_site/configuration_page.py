"""docs/operating/configuration.md, made from the declarations of the site's settings and of the app's."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from live_inbox.conf import InboxSettings
from live_inbox_site.environment import SITE_DIRECTORY, SiteSettings

_GROUP = re.compile(r"# -- (?P<name>.+?) -+$")
_FIELD = re.compile(r"(?P<name>[a-z_]+): ")
_INTRODUCTION = """\
# Configuration

<!-- Printed by `manage.py print_configuration` from backend/live_inbox/conf.py and
backend/live_inbox_site/environment.py: change it there. -->

In a project of your own, these are keys of the dictionary `LIVE_INBOX` in Django's settings, except for those of the
first table, which only the standalone site has. Those that begin with `JWT_` or `ACTION_WEBHOOK_` may also stand in a
dictionary of their own: `LIVE_INBOX = {"JWT": {"AUDIENCE": "shop"}}` sets `JWT_AUDIENCE`. A name that does not exist
and a value that makes no sense are errors of `manage.py check`.

The standalone site reads every setting from an environment variable, or from a line of the file `.env` at the top of
the checkout, which `make run` makes. One that is empty counts as not set, except for `DATABASE_URL`; one whose value
makes no sense stops the process at its start, with its name. Lists are separated by commas. `<repository>` is the
directory of the checkout.

In `.env`, a value is the rest of its line, with spaces, `&`, `;` and `$`, and needs no quotes. A value that begins with
a quote, or has ` #`, is put between single quotes. No shell reads the file: to a shell, `&` and spaces end a value.
"""
_TYPES = {
    str: "text",
    bool: "`true` or `false`",
    bool | None: "`true` or `false`",
    int: "whole number",
    float: "number",
    float | None: "number",
    Mapping[Any, Any] | str: "JSON object, or dotted path",
}


def configuration_page() -> str:
    """Return the page: a table for each group of settings, in the order of the source."""
    parts = [_INTRODUCTION]
    for group, names in groups().items():
        parts.append(f"\n## {group.capitalize()}\n\n")
        parts.append("| variable | value | default | what it is for |\n|---|---|---|---|\n")
        parts.extend(_row(name, SiteSettings.model_fields[name]) for name in names)
    return "".join(parts)


def groups() -> dict[str, list[str]]:
    """Return the names of the settings by the heading that they stand under in the source."""
    found: dict[str, list[str]] = {}
    source = inspect.getsource(SiteSettings) + inspect.getsource(InboxSettings)
    for line in map(str.strip, source.splitlines()):
        if heading := _GROUP.match(line):
            found[heading["name"]] = []
        elif (field := _FIELD.match(line)) and field["name"] in SiteSettings.model_fields:
            list(found.values())[-1].append(field["name"])
    return found


def _row(name: str, field: FieldInfo) -> str:
    default = _default(field.get_default(call_default_factory=True))
    cells = (f"`{name.upper()}`", _type(field), default, field.description or "")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _type(field: FieldInfo) -> str:
    annotation = field.annotation
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{choice}`" for choice in get_args(annotation))
    if get_origin(annotation) is list:
        return "list"
    if get_origin(annotation) is dict:
        return "JSON object"
    bounds = " and ".join(_bounds(field.metadata))
    return _TYPES.get(annotation, "text") + (f" {bounds}" if bounds else "")  # type: ignore[arg-type]  # any other type is written as text


def _bounds(metadata: list[Any]) -> Iterator[str]:
    for bound in metadata:
        match bound:
            case Ge(ge=limit):
                yield f"≥ {limit}"
            case Gt(gt=limit):
                yield f"> {limit}"
            case Le(le=limit):
                yield f"≤ {limit}"
            case Lt(lt=limit):
                yield f"< {limit}"


def _default(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list):
        value = ",".join(value)
    if isinstance(value, dict):
        value = json.dumps(value) if value else ""
    if isinstance(value, float):
        value = f"{value:g}"
    text = str(value).replace(str(SITE_DIRECTORY), "<repository>")
    return f"`{text}`" if text else "-"
