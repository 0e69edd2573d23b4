"""The sources of `import_notifications`, made from its options."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.core.management.base import CommandError
from django.db.models import Model

from live_inbox.importing import hq
from live_inbox.importing.guide import CANDIDATES, GuideSource, key_prefix
from live_inbox.importing.hq import HqSource
from live_inbox.importing.resuming import last_imported
from live_inbox.importing.rows import Source
from live_inbox.importing.text_files import FILE_SOURCES
from live_inbox.importing.text_rows import COLUMNS
from live_inbox.models import Notification

SOURCES = ("hq", "guide", *FILE_SOURCES)


def make_source(options: Mapping[str, Any]) -> Source:
    """Return the source that the options name. Raises CommandError for options that do not fit together."""
    name = options["source"]
    if name in FILE_SOURCES:
        return _file_source(name, options)
    if options["file"] is not None:
        raise CommandError(f"--from {name} reads a table, not a file.")
    if name == "hq":
        return _hq_source(options)
    return _guide_source(options)


def _file_source(name: str, options: Mapping[str, Any]) -> Source:
    if options["resume"]:
        raise CommandError("--resume is for tables; for a file, name the line: --after LINE.")
    if options["file"] is None:
        raise CommandError(f"--from {name} needs a file.")
    path = Path(options["file"])
    # Not `is_file`: it may be /dev/stdin.
    if not path.exists() or path.is_dir():
        raise CommandError(f"There is no file {path}.")
    after = options["after"] or 0
    if not str(after).isdecimal():
        raise CommandError("--after takes the number of a line.")
    columns = _columns(options, known=COLUMNS)
    return FILE_SOURCES[name](path, columns=columns, ignored=options["ignore"], after=int(after))


def _hq_source(options: Mapping[str, Any]) -> Source:
    model = _model(options["model"] or hq.MODEL)
    missing = [name for name in HqSource.fields if not _has_field(model, name)]
    if missing:
        raise CommandError(
            f"{model._meta.label} is not a model of django-notifications-hq: it has no field {missing[0]!r}. "
            "Name the model: --model APP.MODEL."
        )
    after = _after(model, options, hq.KEY_PREFIX)
    return HqSource(model, type_from=options["type_from"], after=after)


def _guide_source(options: Mapping[str, Any]) -> Source:
    if options["model"] is None:
        raise CommandError("--from guide needs the model: --model APP.MODEL.")
    model = _model(options["model"])
    columns = _columns(options, known=tuple(CANDIDATES))
    after = _after(model, options, key_prefix(model))
    return GuideSource(model, columns=columns, after=after)


def _model(label: str) -> type[Model]:
    try:
        model = apps.get_model(label)
    except (LookupError, ValueError) as error:
        raise CommandError(
            f"There is no model {label}. Its app must be in INSTALLED_APPS until the import is done."
        ) from error
    if model is Notification:
        # It would read what it has just written, without end.
        raise CommandError(f"{label} is the model that notifications are imported into.")
    return model


def _has_field(model: type[Model], name: str) -> bool:
    if name == "pk":
        return True
    try:
        model._meta.get_field(name)
    except FieldDoesNotExist:
        return False
    return True


def _after(model: type[Model], options: Mapping[str, Any], prefix: str) -> Any:
    """Return the primary key up to which rows are left out; None without one."""
    if options["resume"]:
        return last_imported(prefix)
    text = options["after"]
    if text is None:
        return None
    try:
        return model._meta.pk.to_python(text)
    except Exception as error:
        raise CommandError(f"--after takes a primary key of {model._meta.label}.") from error


def _columns(options: Mapping[str, Any], *, known: tuple[str, ...]) -> dict[str, str]:
    """Return the values of `--column OURS=THEIRS` as a dictionary."""
    columns = {}
    for text in options["column"]:
        ours, _, theirs = text.partition("=")
        if not theirs or ours not in known:
            raise CommandError(
                f"--column takes OURS=THEIRS, not {text!r}. Ours are {', '.join(known)}."
            )
        columns[ours] = theirs
    return columns
