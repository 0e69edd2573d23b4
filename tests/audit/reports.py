"""Reads what pip-audit and `npm audit` print as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


class NoData(Exception):
    """Raised when a report says nothing about vulnerabilities; the message says why."""


@dataclass(frozen=True, order=True, slots=True)
class Finding:
    """A known vulnerability of a package in a lock."""

    package: str
    advisories: tuple[str, ...]
    """Its names: of CVE, PyPI or GitHub."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a registry knows of the packages of a lock."""

    findings: list[Finding]
    skipped: list[str]
    """Packages that the registry knows nothing of."""


def of_pip_audit(text: str) -> Report:
    """Return what pip-audit has found. Raises NoData.

    pip-audit exits with 0 and says "No known vulnerabilities found" for packages that the registry has no data of.
    """
    packages = _decoded(text).get("dependencies") or []
    skipped = [each["name"] for each in packages if "skip_reason" in each]
    if len(skipped) == len(packages):
        raise NoData("the registry does not know any of the packages")
    findings = [
        Finding(f"{each['name']} {each['version']}", (found["id"], *found.get("aliases", ())))
        for each in packages
        for found in each.get("vulns", ())
    ]
    return Report(findings, skipped)


def of_npm_audit(text: str) -> Report:
    """Return what `npm audit` has found: each advisory once, at the package that it is about. Raises NoData."""
    report = _decoded(text)
    if "vulnerabilities" not in report:
        raise NoData(str(report.get("message") or "npm gave no report"))
    advisories = [
        cause
        for vulnerable in report["vulnerabilities"].values()
        for cause in vulnerable["via"]
        # A text names the package that brings the vulnerability.
        if isinstance(cause, dict)
    ]
    findings = {Finding(each["name"], (each["url"].rpartition("/")[2],)) for each in advisories}
    return Report(sorted(findings), [])


def _decoded(text: str) -> dict[str, Any]:
    try:
        report = json.loads(text)
    except ValueError:
        lines = text.strip().splitlines()
        raise NoData(lines[-1] if lines else "the tool printed nothing") from None
    return report if isinstance(report, dict) else {}
