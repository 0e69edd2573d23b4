"""docs/operating.md lists every metric."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import Counter, Gauge

from live_inbox import metrics

PAGE = (Path(__file__).parents[1] / "docs" / "operating.md").read_text()


def exported_names() -> set[str]:
    """Return the names as Prometheus reads them: those of counters end in `_total`."""
    names = set()
    for metric in vars(metrics).values():
        if isinstance(metric, Counter | Gauge):
            (family,) = metric.describe()
            names.add(f"{family.name}_total" if isinstance(metric, Counter) else family.name)
    return names


def test_the_operations_page_lists_every_metric_and_no_others() -> None:
    assert set(re.findall(r"\binbox_[a-z_]+", PAGE)) == exported_names()
    assert len(exported_names()) > 10
