"""Writes down what a test sees of its stack."""

from __future__ import annotations

import json
import os
from pathlib import Path

from django.db import connection

from live_inbox_site.environment import site_settings
from tests.stacks.stack import Stack


def test_facts(stack: Stack, transactional_db: None, worker_id: str) -> None:
    facts = {
        "worker": worker_id,
        "vendor": connection.vendor,
        "database": str(connection.settings_dict["NAME"]),
        "redis": os.environ["REDIS_URL"],
        "log_level": site_settings().log_level,
        "directory": str(stack.process_registry.directory),
    }
    (Path(os.environ["FACTS"]) / f"{worker_id}.json").write_text(json.dumps(facts))
