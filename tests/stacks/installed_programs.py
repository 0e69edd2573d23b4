"""Programs that no package of Python brings: those of the machine, or those that .ci/run has unpacked."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.stacks.uvicorn_server import REPOSITORY

UNPACKED = REPOSITORY / "var" / "programs"
_PLACES = ("/usr/sbin", f"{UNPACKED}/usr/sbin", f"{UNPACKED}/usr/bin")


def find_program(name: str) -> str | None:
    """Return the path of a program: that of its variable (`NGINX=/path`), or an installed one; None without one."""
    if named := os.environ.get(name.upper()):
        return named
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath), *_PLACES]))


def how_to_get(name: str, package: str) -> str:
    """Return why a test is skipped, and what helps."""
    return (
        f"No {name} on this machine: install it (`apt-get install {package}`), or name it: "
        f"{name.upper()}=/path/to/{name}."
    )


def library_path(program: str) -> dict[str, str]:
    """Return the variable by which an unpacked program finds the libraries that were unpacked with it."""
    if not Path(program).is_relative_to(UNPACKED):
        return {}
    directories = sorted(map(str, (UNPACKED / "usr" / "lib").glob("*-linux-*")))
    return {"LD_LIBRARY_PATH": os.pathsep.join(directories)}
