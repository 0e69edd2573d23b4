"""What Sentry's SDK gets from a site: each bug once, and nothing that users have written."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from tests.sentry.happenings import MESSAGE, TITLE
from tests.stacks.python_process import run_python
from tests.stacks.stack import Stack

pytestmark = pytest.mark.django_db(transaction=True)

BUG = "ZeroDivisionError: a bug in the policy of the project"


def _reported(stack: Stack, **options: Any) -> dict[str, list[dict[str, Any]]]:
    """Return the events of Sentry, by what has happened."""
    user = get_user_model().objects.create_user(username="alice")
    more = {
        "DATABASE_URL": stack.test_database_url(),
        "SEND_POLICY": "tests.sentry.reporting_site.policy_with_a_bug",
        "HOUSEKEEPING": "false",
    }
    module = "tests.sentry.reporting_site"
    arguments = ("-m", module, str(user.pk), json.dumps(options))
    found: dict[str, list[dict[str, Any]]] = json.loads(
        run_python(*arguments, environment=os.environ | stack.environment() | more)
    )
    return found


def _summary(event: dict[str, Any]) -> str:
    (exception,) = event["exception"]["values"]
    return f"{exception['type']}: {exception['value']}"


def test_sentry_gets_each_bug_once_and_nothing_else_without_what_was_written(stack: Stack) -> None:
    reported = _reported(stack, before_send=True)
    assert {name: [_summary(event) for event in events] for name, events in reported.items()} == {
        "input that is refused": [],
        "tokens that are not accepted": [],
        "clients that disconnect": [],
        "too many messages": [],
        "a dependency that fails": [],
        "a bug over HTTP": [BUG],
        "a bug on a socket of GraphQL": [BUG],
        "a bug on a socket of the JSON protocol": [BUG],
        "a bug in a receiver": ["LookupError: a bug in the receiver of the project"],
        "the end of the server": [],
    }
    written = json.dumps(reported)
    for secret in (TITLE, MESSAGE, "eyJ"):
        assert secret not in written
    assert reported["a bug over HTTP"][0]["tags"]["operation"] == "SendIt"
    (on_graphql,) = reported["a bug on a socket of GraphQL"]
    assert on_graphql["tags"]["api"] == "graphql"
    # Sentry's extension of schemas has not kept the operation from being compiled.
    frames = on_graphql["exception"]["values"][0]["stacktrace"]["frames"]
    assert "live_inbox_graphql.compiled.mutations" in {frame["module"] for frame in frames}
    (on_json,) = reported["a bug on a socket of the JSON protocol"]
    assert on_json["tags"]["api"] == "json"
    assert on_json["logentry"]["params"][0] == "send_notification"
