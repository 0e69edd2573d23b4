"""`make audit`: names known vulnerabilities of the packages in the locks.

Exits with 1 if there are any. What cannot be audited, because the registries give no data, is named and no failure.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial

from live_inbox_site.bootstrap import BENCHMARK_LOCK, REPOSITORY
from tests.audit.locks import NPM_LOCKS, audit_npm, audit_python
from tests.audit.reports import Finding, NoData, Report

ACCEPTED: dict[str, str] = {}
"""Advisories that do not concern this project, by name, each with the reason."""


def main() -> int:
    """Audit all locks; return the exit status."""
    findings = [
        finding for name, audit in _audits() for finding in _unaccepted(_audited(name, audit))
    ]
    for finding in findings:
        print(f"VULNERABLE: {finding.package}: {', '.join(finding.advisories)}")
    return int(bool(findings))


def _audits() -> Iterator[tuple[str, Callable[[], Report]]]:
    yield BENCHMARK_LOCK, audit_python
    for directory in NPM_LOCKS:
        yield f"{directory}/package-lock.json", partial(audit_npm, REPOSITORY / directory)


def _audited(name: str, audit: Callable[[], Report]) -> list[Finding]:
    try:
        report = audit()
    except NoData as reason:
        print(f"{name}: NOT AUDITED: {reason}.")
        return []
    without = f", no data of {', '.join(report.skipped)}" if report.skipped else ""
    print(f"{name}: audited{without}.")
    return report.findings


def _unaccepted(findings: list[Finding]) -> list[Finding]:
    return [each for each in findings if ACCEPTED.keys().isdisjoint(each.advisories)]


if __name__ == "__main__":
    sys.exit(main())
