"""Audits the locks with pip-audit and `npm audit`, each of which asks the registry that it is set up for.

A registry may have no data of vulnerabilities, or a copy that answers without any. So each tool is first asked about a
release that is known to be vulnerable (a canary).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import venv
from collections.abc import Mapping
from pathlib import Path

from live_inbox_site.bootstrap import (
    BENCHMARK_LOCK,
    REPOSITORY,
    Stop,
    install_with_pip,
    require_venv,
)
from live_inbox_site.building import NotBuildable, find_node
from tests.audit.reports import NoData, Report, of_npm_audit, of_pip_audit

PIP_AUDIT = "pip-audit==2.10.1"
TOOLS = REPOSITORY / "var" / "audit-tools"
PYTHON_CANARY = "jinja2==2.10"
NPM_CANARY = ("lodash", "4.17.4")
NPM_LOCKS = (
    "frontend",
    "frontend/samples/next-react",
    "frontend/samples/vite-react",
    "benchmarks/peers/node",
)
SECONDS = 300
"""How long one tool may take."""


def audit_python() -> Report:
    """Audit the lock that holds all others. Raises NoData."""
    with tempfile.TemporaryDirectory() as directory:
        canary = Path(directory) / "canary.txt"
        canary.write_text(f"{PYTHON_CANARY}\n")
        _require_canary(_pip_audit(canary, "--no-deps"), PYTHON_CANARY)
    return _pip_audit(REPOSITORY / BENCHMARK_LOCK, "--require-hashes")


def audit_npm(directory: Path, environment: Mapping[str, str] | None = None) -> Report:
    """Audit the lock in a directory, with these variables for npm. Raises NoData."""
    with tempfile.TemporaryDirectory() as canary:
        _write_canary(Path(canary))
        found = _npm_audit(Path(canary), environment or {})
    _require_canary(found, "@".join(NPM_CANARY))
    return _npm_audit(directory, environment or {})


def _require_canary(report: Report, name: str) -> None:
    if not report.findings:
        raise NoData(f"the registry knows of no vulnerability in {name}, which has some")


def _pip_audit(requirements: Path, option: str) -> Report:
    command: list[str | Path] = [_tool(), "--requirement", requirements, option, "--disable-pip"]
    command += ["--format", "json", "--progress-spinner", "off"]
    return of_pip_audit(_output(command, REPOSITORY, {}))


def _tool() -> Path:
    """Return pip-audit, in an environment of its own: its dependencies are none of the project's. Raises NoData."""
    tool = TOOLS / "bin" / "pip-audit"
    if not tool.exists():
        try:
            require_venv()
            venv.create(TOOLS, clear=True, with_pip=True, symlinks=True)
            install_with_pip(TOOLS / "bin" / "python", [PIP_AUDIT])
        except (Stop, subprocess.CalledProcessError) as problem:
            raise NoData(f"{PIP_AUDIT} cannot be installed: {problem}") from None
    return tool


def _npm_audit(directory: Path, environment: Mapping[str, str]) -> Report:
    command = [*_npm(), "audit", "--json", "--package-lock-only"]
    return of_npm_audit(_output(command, directory, environment))


def _npm() -> list[str | Path]:
    try:
        node = find_node().resolve()
    except NotBuildable as problem:
        raise NoData(str(problem)) from None
    own = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if own.exists():
        return [node, own]
    if found := shutil.which("npm"):
        return [found]
    raise NoData("there is no npm")


def _write_canary(directory: Path) -> None:
    name, version = NPM_CANARY
    root = {"name": "canary", "version": "1.0.0", "dependencies": {name: version}}
    lock = {
        **root,
        "lockfileVersion": 3,
        "packages": {"": root, f"node_modules/{name}": {"version": version}},
    }
    (directory / "package.json").write_text(json.dumps(root))
    (directory / "package-lock.json").write_text(json.dumps(lock))


def _output(command: list[str | Path], directory: Path, environment: Mapping[str, str]) -> str:
    """Return what a tool prints, or else its last error. Both tools exit with 1 for findings and for failures."""
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise NoData(f"no answer within {SECONDS} seconds") from None
    return done.stdout if done.stdout.strip() else done.stderr
