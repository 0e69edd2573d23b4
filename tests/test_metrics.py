"""docs/operating/metrics.md lists every metric, with its labels."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client import Counter, Gauge, Histogram

from live_inbox import metrics
from live_inbox.conf import inbox_settings
from live_inbox.delivery.doorbell_message import Refusal
from live_inbox.delivery.live_stream import Verdict
from live_inbox.delivery.log import DeliverySource, ResetReason
from live_inbox.events import RECORDED
from live_inbox.identity.errors import Reason
from live_inbox.lanes import Lane
from live_inbox.maintenance.campaign_metrics import _STATES as STATES
from live_inbox.maintenance.housekeeping import jobs
from live_inbox.services.send_counting import _BULK_RESULTS
from live_inbox.statement_timing import OTHER, Statement

REPOSITORY = Path(__file__).parents[1]
PAGE = (REPOSITORY / "docs" / "operating" / "metrics.md").read_text()
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


def values_in_code() -> dict[str, set[str]]:
    """Return the values of labels that the code has, by metric: those of enumerations, and those that stand in it."""
    lanes: set[str] = set(Lane)
    with_webhook = inbox_settings().model_copy(
        update={
            "action_webhook_url": "https://shop.example/hook",
            "action_webhook_secrets": [SECRET],
        }
    )
    found: dict[str, set[str]] = {
        "inbox_admissions_total": {"admitted", "refused", *Reason},
        "inbox_campaigns": set(STATES),
        "inbox_connections_refused_total": set(),
        "inbox_database_call_seconds": lanes,
        "inbox_database_deadlines_total": lanes,
        "inbox_database_queue": lanes,
        "inbox_database_wait_seconds": lanes,
        "inbox_delivery_seconds": set(DeliverySource),
        "inbox_doorbells_received_total": {verdict.name.lower() for verdict in Verdict},
        "inbox_doorbells_refused_total": set(Refusal),
        "inbox_events_committed_total": set(RECORDED),
        "inbox_housekeeping_runs_total": {
            *("done", "failed"),
            *(job.label for job in jobs(with_webhook)),
        },
        "inbox_resets_total": set(ResetReason),
        "inbox_sends_total": {*_BULK_RESULTS, "failed", "refused"},
    }
    counters = {
        constant: each for constant, each in vars(metrics).items() if isinstance(each, Counter)
    }
    for source in SOURCES.rglob("*.py"):
        text = source.read_text()
        for constant, value in re.findall(r'metrics\.([A-Z_]+)\.labels\(\s*"(\w+)"\)', text):
            (family,) = counters[constant].describe()
            found.setdefault(f"{family.name}_total", set()).add(value)
        for arguments in re.findall(REFUSING, text) if source.name.startswith("uvicorn_") else ():
            found["inbox_connections_refused_total"] |= set(re.findall(r'"(\w+)"', arguments))
    return found


SECRET = "whsec_" + "c2VjcmV0LW9mLXRoZS13ZWJob29rLTAxMjM0NTY3ODk="
SOURCES = REPOSITORY / "backend"
REFUSING = r"(?:_refuse(?:_next)?|_stop_parsing|self\.refuse|_end_refused)\(([^()]*)\)"
"""The functions whose last argument is a reason of `inbox_connections_refused_total`."""


def described(metric: str) -> set[str]:
    """Return what stands between backticks in the row of a metric."""
    (row,) = [row for row in ROW.finditer(PAGE) if row[1] == metric]
    return set(re.findall(r"`(\w+)`", row[0]))


@pytest.mark.parametrize("metric", values_in_code())
def test_each_row_names_the_values_of_its_labels(metric: str) -> None:
    values = values_in_code()[metric]
    assert values
    explained = described(metric)
    if Lane.BULK in values:
        (lanes,) = re.findall(r"^A lane is .*$", PAGE, re.M)
        explained |= set(re.findall(r"`(\w+)`", lanes))
    assert values - explained == set()
