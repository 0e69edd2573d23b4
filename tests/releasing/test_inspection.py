"""What is wrong with a file of a release stops the release. tests/packaging inspects the real ones."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest

from live_inbox_site.bootstrap import Stop
from releasing.inspection import inspect_npm, inspect_wheel, try_wheel

pytestmark = pytest.mark.stack("embedded")

METADATA = """\
Metadata-Version: 2.4
Name: django-live-inbox
Version: 0.2.0
Requires-Dist: django
Description-Content-Type: text/markdown

# The inbox
"""
INFO = "django_live_inbox-0.2.0.dist-info"


def wheel(directory: Path, metadata: str = METADATA) -> Path:
    """Write a wheel without any module."""
    path = directory / "django_live_inbox-0.2.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{INFO}/METADATA", metadata)
        archive.writestr(f"{INFO}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{INFO}/RECORD", "")
    return path


def tarball(directory: Path, package: object, *names: str) -> Path:
    path = directory / "live-inbox-0.2.0.tgz"
    files = {"package.json": json.dumps(package), **dict.fromkeys(names, "")}
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return path


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("Version: 0.2.0", "Version: 0.1.0", r"is django-live-inbox 0\.1\.0\."),
        ("Requires-Dist: django", "Requires-Dist: django >", "metadata of .* is wrong: .*django >"),
        ("text/markdown", "text/plain", "has no description in Markdown"),
    ],
)
def test_metadata_that_the_registry_would_refuse_or_show_wrongly(
    before: str, after: str, reason: str, tmp_path: Path
) -> None:
    assert inspect_wheel(wheel(tmp_path), "0.2.0").requires_dist
    with pytest.raises(Stop, match=reason):
        inspect_wheel(wheel(tmp_path, METADATA.replace(before, after)), "0.2.0")


def test_a_wheel_that_does_not_work(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = wheel(tmp_path)
    with pytest.raises(Stop, match="does not work where it is installed"):
        try_wheel(path, inspect_wheel(path, "0.2.0"), "0.2.0")
    # Neither this checkout, which is installed here, nor what the wheel does not ask for.
    assert "No module named 'live_inbox_site'" in capfd.readouterr().err


PACKAGE = {
    "name": "live-inbox",
    "version": "0.2.0",
    "exports": {".": {"default": "./dist/index.js"}, "./package.json": "./package.json"},
}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"version": "0.1.0"}, "live-inbox-0.2.0.tgz is live-inbox 0.1.0."),
        (
            {"peerDependencies": {"live-inbox": "*"}},
            "live-inbox-0.2.0.tgz does not ask for live-inbox 0.2.0.",
        ),
        (
            {"exports": {"./store": {"default": "./dist/store.js"}}},
            "live-inbox-0.2.0.tgz exports ./dist/store.js, which is not in it.",
        ),
    ],
)
def test_an_npm_package_that_is_not_what_it_says(
    changes: dict[str, object], reason: str, tmp_path: Path
) -> None:
    inspect_npm(tarball(tmp_path, PACKAGE, "dist/index.js"), "live-inbox", "0.2.0")
    with pytest.raises(Stop) as stop:
        inspect_npm(tarball(tmp_path, PACKAGE | changes, "dist/index.js"), "live-inbox", "0.2.0")
    assert str(stop.value) == reason
