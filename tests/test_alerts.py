"""The alert rules, their runbook and the dashboard speak of metrics and labels that there are."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest

from tests.stacks.installed_programs import find_program, how_to_get
from tests.test_metrics import exported

DOCS = Path(__file__).parents[1] / "docs"
RULES = DOCS / "operating" / "prometheus-alerts.yml"
WHAT_WAKES = Path(__file__).parent / "alert_rules.yml"
RUNBOOK = (DOCS / "operating" / "alerts.md").read_text()
METRICS = (DOCS / "operating" / "metrics.md").read_text()
DASHBOARD = json.loads((DOCS / "operating" / "grafana-dashboard.json").read_text())

RULE = re.compile(
    r"      - alert: (?P<name>\w+)\n"
    r"        expr: '(?P<expr>[^\n]+)'\n"
    r"        for: \d+[mh]\n"
    r"        labels:\n"
    r"          severity: (?:critical|warning)\n"
    r"        annotations:\n"
    r"          summary: '[^\n]+\.'\n"
    r"          runbook: docs/operating/alerts\.md#(?P<anchor>\w+)\n"
)

OF_PROMETHEUS = {"le", "instance", "job"}
"""Labels that Prometheus adds."""


def rules() -> list[dict[str, str]]:
    """Return the rules; the file has nothing else."""
    text = RULES.read_text()
    found = [match.groupdict() for match in RULE.finditer(text)]
    assert len(found) == text.count("alert:") > 15
    return found


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[str]:
    """Return every expression of the rules and of the dashboard."""
    yield from (rule["expr"] for rule in rules())
    yield from (target["expr"] for panel in panels() for target in panel["targets"])


def series_of(expression: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Return the series of ours in an expression, and the values that their labels must have."""
    for match in re.finditer(r"\b(inbox_\w+)(?:\{([^}]*)\})?", expression):
        yield match[1], dict(re.findall(r'(\w+)=~?"([^"]*)"', match[2] or ""))


def labels_of(series: str) -> set[str] | None:
    """Return the labels of a series as a scrape shows it; None if there is none of this name."""
    known = exported()
    base = re.sub(r"_(?:bucket|sum|count)$", "", series)
    return known.get(series, known.get(base) if base != series else None)


@pytest.mark.parametrize("expression", list(expressions()))
def test_expressions_name_series_and_labels_that_there_are(expression: str) -> None:
    named = list(series_of(expression))
    assert named or "up{" in expression
    everywhere: set[str] = set(OF_PROMETHEUS)
    for series, matchers in named:
        labels = labels_of(series)
        assert labels is not None, series
        assert matchers.keys() <= labels | OF_PROMETHEUS
        everywhere |= labels
        for name, values in matchers.items():
            if name not in OF_PROMETHEUS:
                assert all(f"`{value}`" in METRICS for value in values.split("|"))
    for grouping in re.findall(r"by \(([^)]*)\)", expression):
        assert {name.strip() for name in grouping.split(",")} <= everywhere
    assert expression.count("(") == expression.count(")")


def test_labels_are_none_that_prometheus_adds() -> None:
    assert not OF_PROMETHEUS & set().union(*exported().values())


def test_each_alert_has_a_paragraph_and_each_paragraph_an_alert() -> None:
    paragraphs = dict(re.findall(r"^## (\w+)\n\n(.+?)(?=\n\n|\n\Z)", RUNBOOK, re.M | re.S))
    assert paragraphs.keys() == {rule["name"] for rule in rules()}
    assert all(len(text) > 100 for text in paragraphs.values())
    assert all(rule["anchor"] == rule["name"].lower() for rule in rules())


def test_panels_have_titles_and_ids_of_their_own_and_do_not_overlap() -> None:
    for part in ("id", "title"):
        values = [panel[part] for panel in DASHBOARD["panels"]]
        assert len(set(values)) == len(values)
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells


def promtool(*arguments: str | Path) -> str:
    """Return what promtool has to say, once it has succeeded."""
    program = find_program("promtool")
    if program is None:
        pytest.skip(how_to_get("promtool", "prometheus"))
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_accepts_the_rules() -> None:
    assert f"SUCCESS: {len(rules())} rules found" in promtool("check", "rules", RULES)


def test_the_rules_wake_when_they_should_and_not_before() -> None:
    assert "SUCCESS" in promtool("test", "rules", WHAT_WAKES)
    alerts = re.findall(r"alertname: (\w+)", WHAT_WAKES.read_text())
    # Each alert that is tried is tried with and without its reason: an alert without `exp_alerts` must be silent.
    assert min(map(alerts.count, alerts)) >= 2
    assert set(alerts) <= {rule["name"] for rule in rules()}


def test_prometheus_has_no_complaint_about_the_metrics() -> None:
    program = find_program("promtool")
    if program is None:
        pytest.skip(how_to_get("promtool", "prometheus"))
    done = subprocess.run(
        [program, "check", "metrics"], input=generate_latest(), capture_output=True, check=False
    )
    complaints = [line for line in done.stderr.decode().splitlines() if line.startswith("inbox_")]
    assert (done.returncode, complaints) == (0, [])
