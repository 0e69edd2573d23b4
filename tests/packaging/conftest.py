"""The distributions, built once from a clean checkout."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from releasing.artefacts import build_python
from tests.packaging.installation import run
from tests.stacks.uvicorn_server import REPOSITORY

TIMESTAMP = 1_750_000_000
"""When the commit would have been made that the distributions are built of."""


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean checkout: the files that git tracks or would add, and nothing that was built."""
    directory = tmp_path_factory.mktemp("checkout")
    names = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=REPOSITORY)
    for name in names.splitlines():
        if (REPOSITORY / name).is_file():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, directory / name)
    # The npm packages of this checkout, where they are installed: to install them again takes a minute.
    packages = REPOSITORY / "frontend" / "node_modules"
    if packages.is_dir():
        (directory / "frontend" / "node_modules").symlink_to(packages)
    return directory


@pytest.fixture(scope="session")
def distributions(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel and the source distribution, built as for a release."""
    target = tmp_path_factory.mktemp("dist")
    build_python(checkout, target, TIMESTAMP)
    (wheel,) = target.glob("*.whl")
    (source,) = target.glob("*.tar.gz")
    return wheel, source
