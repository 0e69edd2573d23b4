"""Looks at the files of a release as those would who install them, without a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.metadata import Metadata
from packaging.requirements import Requirement

from live_inbox_site.bootstrap import Stop
from releasing.dependencies import closure

SMOKE = """
import django
django.setup()
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client
import live_inbox
call_command("migrate", verbosity=0)
user = get_user_model().objects.create_user("ada")
sent = live_inbox.send(recipient=user, title="Released")
assert sent.notification.pk, sent
print(live_inbox.__file__)
print(Client(headers={"host": "localhost"}).get("/version").json()["version"])
"""
"""What is run on the installed wheel: the site on a new database of SQLite, one notification, and `/version`."""


def inspect(target: Path, version: str) -> None:
    """Raise Stop unless the files of a release are what a registry takes, and the wheel works where nothing else is."""
    wheel = target / f"django_live_inbox-{version}-py3-none-any.whl"
    metadata = inspect_wheel(wheel, version)
    inspect_source(target / f"django_live_inbox-{version}.tar.gz", version)
    for name in ("live-inbox", "live-inbox-react"):
        inspect_npm(target / f"{name}-{version}.tgz", name, version)
    try_wheel(wheel, metadata, version)


def inspect_wheel(wheel: Path, version: str) -> Metadata:
    """Return the metadata of a wheel. Raises Stop."""
    with zipfile.ZipFile(wheel) as archive:
        if damaged := archive.testzip():
            raise Stop(f"{wheel.name} is damaged: {damaged}.")
        directory = f"django_live_inbox-{version}.dist-info"
        return _metadata(archive.read(f"{directory}/METADATA"), wheel, version)


def inspect_source(source: Path, version: str) -> None:
    """Raise Stop if the metadata of a source distribution is not what it has to be."""
    with tarfile.open(source) as archive:
        found = archive.extractfile(f"django_live_inbox-{version}/PKG-INFO")
        _metadata(found.read() if found else b"", source, version)


def inspect_npm(tarball: Path, name: str, version: str) -> None:
    """Raise Stop if an npm package has another name or version, or lacks a file that it exports."""
    with tarfile.open(tarball) as archive:
        names = set(archive.getnames())
        found = archive.extractfile("package/package.json")
        package = json.loads(found.read() if found else b"{}")
    if (package.get("name"), package.get("version")) != (name, version):
        raise Stop(f"{tarball.name} is {package.get('name')} {package.get('version')}.")
    if package.get("peerDependencies", {}).get("live-inbox", version) != version:
        raise Stop(f"{tarball.name} does not ask for live-inbox {version}.")
    for entry in package["exports"].values():
        for path in [entry] if isinstance(entry, str) else entry.values():
            if f"package/{path.removeprefix('./')}" not in names:
                raise Stop(f"{tarball.name} exports {path}, which is not in it.")


def _metadata(text: bytes, path: Path, version: str) -> Metadata:
    """Return metadata that the registry accepts: it applies the same rules. Raises Stop."""
    try:
        metadata = Metadata.from_email(text)
    except ExceptionGroup as group:
        raise Stop(f"The metadata of {path.name} is wrong: {group.exceptions[0]}") from None
    if (metadata.name, str(metadata.version)) != ("django-live-inbox", version):
        raise Stop(f"{path.name} is {metadata.name} {metadata.version}.")
    if not metadata.description or metadata.description_content_type != "text/markdown":
        raise Stop(f"{path.name} has no description in Markdown.")
    return metadata


def try_wheel(wheel: Path, metadata: Metadata, version: str) -> None:
    """Raise Stop unless a wheel can be installed into an empty virtual environment and works there.

    The packages that it asks for, and no others, are those of the environment that runs this: no registry is needed.
    """
    with TemporaryDirectory() as temporary:
        directory = Path(temporary)
        python = _install(wheel, metadata, directory / "venv")
        work = directory / "work"
        work.mkdir()
        printed = _run([python, "-I", "-c", SMOKE], work, _settings(work)).splitlines()
        if printed[1:] != [version] or not printed[0].startswith(str(directory)):
            raise Stop(f"The installed wheel answered {' '.join(printed)}, not {version}.")


def _install(wheel: Path, metadata: Metadata, directory: Path) -> Path:
    """Make a virtual environment with a wheel and what it asks for; return its Python."""
    venv.create(directory, symlinks=True)
    python = directory / "bin" / "python"
    pip: list[str | Path] = [sys.executable, "-I", "-m", "pip", "--python", python, "install"]
    options = ["--quiet", "--disable-pip-version-check", "--no-compile", "--no-index", "--no-deps"]
    _run([*pip, *options, wheel], directory, {})
    (packages,) = directory.glob("lib/*/site-packages")
    # Without the extra, a marker that asks for it does not hold.
    requirements = [
        each
        for each in metadata.requires_dist or ()
        if not each.marker or each.marker.evaluate({"extra": "site"})
    ]
    _link(requirements, packages)
    return python


def _link(requirements: list[Requirement], packages: Path) -> None:
    """Put installed packages, and what they ask for, beside the wheel."""
    for distribution in closure(requirements).values():
        for top in {path.parts[0] for path in distribution.files or ()} - {"..", "__pycache__"}:
            if not (packages / top).exists():
                (packages / top).symlink_to(Path(str(distribution.locate_file(top))).resolve())


def _settings(directory: Path) -> dict[str, str]:
    return {
        "ENVIRONMENT": "test",
        "DJANGO_SETTINGS_MODULE": "live_inbox_site.settings",
        "DATABASE_URL": f"sqlite:///{directory}/smoke.sqlite3",
    }


def _run(command: list[str | Path], directory: Path, settings: dict[str, str]) -> str:
    """Run a command with these settings and no other; return what it prints. Raises Stop after it has printed."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
    environment = {name: os.environ[name] for name in kept if name in os.environ} | settings
    done = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(done.stdout + done.stderr, file=sys.stderr)
        raise Stop("The wheel does not work where it is installed: what was printed is above.")
    return done.stdout
