"""docs/metrics.md lists every metric, with its labels."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram

from live_inbox import metrics
from live_inbox.statement_timing import OTHER, Statement

PAGE = (Path(__file__).parents[1] / "docs" / "metrics.md").read_text()
ROW = re.compile(r"^\| `(inbox_[a-z_]+)` \|([^|]*)\|([^|]*)\|([^|]*)\|([^|]*)\|$", re.M)


def exported() -> dict[str, set[str]]:
    """Return the labels of each metric by its name as Prometheus reads it: those of counters end in `_total`."""
    found = {}
    for metric in vars(metrics).values():
        if isinstance(metric, Counter | Gauge | Histogram):
            (family,) = metric.describe()
            name = f"{family.name}_total" if isinstance(metric, Counter) else family.name
            found[name] = set(metric._labelnames)
    return found


def test_the_page_lists_every_metric_and_no_others_with_their_labels() -> None:
    listed = {row[1]: set(re.findall(r"`(\w+)`", row[2])) for row in ROW.finditer(PAGE)}
    assert listed == exported()
    assert len(listed) > 40


def test_the_page_names_no_other_metrics() -> None:
    series = {name: name for name in exported()}
    series |= {f"{name}_sum": name for name in series}
    assert {series.get(name) for name in re.findall(r"\binbox_[a-z_]+", PAGE)} == exported().keys()


def test_each_row_says_what_is_healthy_and_what_to_do() -> None:
    rows = list(ROW.finditer(PAGE))
    assert rows
    assert [row[1] for row in rows if not all(row[part].strip() for part in (3, 4, 5))] == []


def test_gauges_of_several_processes_are_those_that_run() -> None:
    gauges = [each for each in vars(metrics).values() if isinstance(each, Gauge)]
    assert gauges
    modes = {each._multiprocess_mode for each in gauges}
    assert modes == {"livesum", "livemax", "livemostrecent"}


def test_the_page_lists_every_statement_that_has_a_name() -> None:
    (section,) = re.findall(r"^### Statements\n(.+?)^## ", PAGE, re.M | re.S)
    named = re.findall(r"^\| (`[^|]+) \|", section, re.M)
    listed = {name for each in named for name in re.findall(r"`(\w+)`", each)}
    assert listed - {"statement"} == {*Statement, OTHER}
