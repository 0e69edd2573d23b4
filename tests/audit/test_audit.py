"""The audit fails for known vulnerabilities alone, and takes no missing data for a good sign."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.audit import __main__ as command
from tests.audit.locks import audit_npm
from tests.audit.reports import Finding, NoData, Report, of_npm_audit, of_pip_audit

pytestmark = pytest.mark.stack("embedded")

SKIPPED = {"name": "flask", "skip_reason": "Dependency not found on PyPI and could not be audited"}
SOUND = {"name": "idna", "version": "3.11", "vulns": []}
VULNERABLE = {
    "name": "jinja2",
    "version": "2.10",
    "vulns": [
        {
            "id": "PYSEC-2019-217",
            "fix_versions": ["2.10.1"],
            "aliases": ["CVE-2019-10906"],
            "description": "",
        }
    ],
}
FINDING = Finding("jinja2 2.10", ("PYSEC-2019-217", "CVE-2019-10906"))


def pip_report(*packages: object) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


def test_pip_audit_names_what_is_vulnerable_and_what_it_does_not_know() -> None:
    report = of_pip_audit(pip_report(SOUND, VULNERABLE, SKIPPED))
    assert report == Report([FINDING], ["flask"])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (pip_report(SKIPPED), "does not know any"),
        (pip_report(), "does not know any"),
        ("ERROR: no network\nConnectionError", "ConnectionError"),
        ("", "printed nothing"),
        ("[]", "does not know any"),
    ],
)
def test_pip_audit_without_data(text: str, reason: str) -> None:
    with pytest.raises(NoData, match=reason):
        of_pip_audit(text)


def test_npm_without_data() -> None:
    with pytest.raises(NoData, match="405"):
        of_npm_audit(json.dumps({"message": "405 Method Not Allowed", "error": {"summary": ""}}))


@pytest.mark.parametrize(
    ("found", "accepted", "status", "line"),
    [
        ([FINDING], {}, 1, "VULNERABLE: jinja2 2.10: PYSEC-2019-217, CVE-2019-10906\n"),
        ([FINDING], {"CVE-2019-10906": "not used"}, 0, "requirements-bench.lock: audited.\n"),
        ([], {}, 0, "requirements-bench.lock: audited.\n"),
        (None, {}, 0, "requirements-bench.lock: NOT AUDITED: offline.\n"),
    ],
)
def test_only_findings_are_failures(
    found: list[Finding] | None,
    accepted: dict[str, str],
    status: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def audit() -> Report:
        if found is None:
            raise NoData("offline")
        return Report(found, [])

    monkeypatch.setattr(command, "audit_python", audit)
    monkeypatch.setattr(command, "NPM_LOCKS", ())
    monkeypatch.setattr(command, "ACCEPTED", accepted)
    assert command.main() == status
    assert line in capsys.readouterr().out


# -- a real npm, at a registry of our own ------------------------------------------------------------------

ADVISORY = {
    "id": 1,
    "url": "https://example.com/advisories/GHSA-jf85-cpcp-j695",
    "title": "Prototype pollution",
    "severity": "critical",
    "vulnerable_versions": "<4.17.12",
    "cwe": [],
    "cvss": {"score": 9.1, "vectorString": None},
}


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Callable[[Any], dict[str, str]]]:
    """Return a function that starts a registry which gives these advisories, and returns the variables for npm."""
    servers: list[ThreadingHTTPServer] = []

    def start(advisories: Any) -> dict[str, str]:
        class Registry(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                answer = json.dumps(advisories).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def do_GET(self) -> None:
                self.send_error(404)

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return {
            "npm_config_registry": f"http://127.0.0.1:{server.server_port}/",
            "npm_config_cache": str(tmp_path / "cache"),
        }

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def lock(directory: Path, version: str) -> Path:
    """Write a lock with this version of lodash; return its directory."""
    directory.mkdir()
    root = {"name": "project", "version": "1.0.0", "dependencies": {"lodash": version}}
    packages = {"": root, "node_modules/lodash": {"version": version}}
    (directory / "package.json").write_text(json.dumps(root))
    locked = {**root, "lockfileVersion": 3, "packages": packages}
    (directory / "package-lock.json").write_text(json.dumps(locked))
    return directory


def test_npm_names_what_is_vulnerable(
    registry: Callable[[Any], dict[str, str]], tmp_path: Path
) -> None:
    environment = registry({"lodash": [ADVISORY]})
    vulnerable = audit_npm(lock(tmp_path / "vulnerable", "4.17.11"), environment)
    assert vulnerable.findings == [Finding("lodash", ("GHSA-jf85-cpcp-j695",))]
    assert audit_npm(lock(tmp_path / "sound", "4.17.21"), environment).findings == []


def test_a_registry_without_advisories_is_no_audit(
    registry: Callable[[Any], dict[str, str]], tmp_path: Path
) -> None:
    with pytest.raises(NoData, match="no vulnerability in lodash"):
        audit_npm(lock(tmp_path / "project", "4.17.11"), registry({}))
