"""Which sessions have ended, with each session engine of Django."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from live_inbox import database
from live_inbox.identity import sessions

pytestmark = pytest.mark.django_db


def saved(engine: str) -> Any:
    """Return a session that is stored."""
    store = import_module(f"django.contrib.sessions.backends.{engine}").SessionStore()
    sessions.note_sign_in(store, now=1.9e9)
    store.save()
    return store


@pytest.mark.parametrize("engine", ["db", "cached_db", "cache", "file"])
def test_a_deleted_session_has_ended(settings: Any, tmp_path: Path, engine: str) -> None:
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    settings.SESSION_FILE_PATH = str(tmp_path)
    kept, deleted = saved(engine), saved(engine)
    keys = [kept.session_key, deleted.session_key]
    assert [sessions.checkable_key(key) for key in keys] == keys
    assert sessions.ended_sessions(keys) == set()
    deleted.delete()
    assert sessions.ended_sessions(keys) == {deleted.session_key}
    assert sessions.signed_in_at(kept) == 1.9e9


def test_an_expired_session_has_ended() -> None:
    expired = saved("db")
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert sessions.ended_sessions([expired.session_key]) == {expired.session_key}


def test_many_sessions_cost_a_query_for_each_thousand() -> None:
    with CaptureQueriesContext(database.connection()) as queries:
        assert len(sessions.ended_sessions([f"key {number}" for number in range(2500)])) == 2500
    assert len(queries) == 3


def test_signed_cookies_cannot_be_checked(settings: Any) -> None:
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    assert sessions.checkable_key(saved("signed_cookies").session_key) is None


@pytest.mark.parametrize("value", [None, "yesterday", {}])
def test_a_session_may_not_say_when_it_began(value: object) -> None:
    assert sessions.signed_in_at(None) is None
    assert sessions.signed_in_at({"_live_inbox_signed_in_at": value}) is None
