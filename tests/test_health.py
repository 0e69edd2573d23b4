"""The health endpoints and metrics."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from django.test import Client

from live_inbox_site.environment import site_settings
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.uvicorn_server import ServerProcess


@pytest.mark.django_db(transaction=True)
def test_a_server_with_its_database_is_ready(client: Client) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready", "database": "ok"})


def test_a_database_without_migrations_is_not_ready(
    process_registry: ProcessRegistry, start_server: Callable[..., ServerProcess]
) -> None:
    empty = process_registry.new_directory("never-migrated") / "empty.sqlite3"
    server = start_server(DATABASE_URL=f"sqlite:///{empty}")
    assert server.answers()
    assert httpx.get(f"{server.http}/readyz").status_code == 503


@pytest.mark.django_db(transaction=True)
def test_metrics_require_a_local_request_or_the_token(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="10.0.0.1").status_code == 403
    guarded = site_settings().model_copy(update={"metrics_token": "secret"})
    monkeypatch.setattr("live_inbox.health.inbox_settings", lambda: guarded)
    assert client.get("/metrics").status_code == 403
    answer = client.get("/metrics", headers={"Authorization": "Bearer secret"})
    assert b"inbox_events_committed_total" in answer.content
