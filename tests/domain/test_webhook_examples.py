"""The receivers of docs/webhooks.md accept what is signed for them, and nothing else."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from live_inbox.webhook_signatures import secret_in, signed_headers
from live_inbox_site.building import find_node
from tests.domain.webhook_receiver import SECRETS

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
BODY = b'{"type":"notification.action_performed","data":{"action_id":"\xc3\xa9"}}'

Verify = Callable[[Mapping[str, str], bytes, str], str]
"""Returns the error of the receiver; empty if it accepts the request."""


def block(language: str) -> str:
    """Return the example in a language: the one that has a function named verify."""
    blocks = re.findall(rf"^```{language}\n(.+?)^```$", PAGE, re.M | re.S)
    (found,) = (text for text in blocks if "verify" in text)
    return str(found)


def in_python(headers: Mapping[str, str], body: bytes, secret: str) -> str:
    names: dict[str, Any] = {}
    exec(block("python"), names)
    try:
        names["verify"](headers, body, secret)
    except ValueError as error:
        return str(error)
    return ""


def in_javascript(headers: Mapping[str, str], body: bytes, secret: str) -> str:
    given = json.dumps([headers, base64.b64encode(body).decode(), secret])
    script = f"""{block("javascript")}
const [headers, body, secret] = {given};
try {{ verify(headers, Buffer.from(body, "base64"), secret); }} catch (error) {{ console.log(error.message); }}
"""
    done = subprocess.run(
        [str(find_node()), "--input-type=module", "-"],
        input=script,
        capture_output=True,
        check=True,
        text=True,
    )
    return done.stdout.strip()


@pytest.fixture(params=[in_python, in_javascript])
def verify(request: pytest.FixtureRequest) -> Verify:
    function: Verify = request.param
    return function


def headers_of(*secrets: str, seconds_ago: int = 0, **changes: str) -> dict[str, str]:
    signed = signed_headers(
        message_id="msg_1",
        timestamp=int(time.time()) - seconds_ago,
        body=BODY,
        secrets=[secret_in(secret) for secret in secrets],
    )
    return signed | {name.replace("_", "-"): value for name, value in changes.items()}


def test_the_receiver_accepts_each_of_two_secrets(verify: Verify) -> None:
    headers = headers_of(*SECRETS)
    assert [verify(headers, BODY, secret) for secret in SECRETS] == ["", ""]


def test_the_receiver_refuses_what_is_not_signed_or_old(verify: Verify) -> None:
    mine, other = SECRETS
    assert verify(headers_of(other), BODY, mine) == "no signature fits"
    assert verify(headers_of(mine), BODY + b" ", mine) == "no signature fits"
    assert verify(headers_of(mine, webhook_id="msg_2"), BODY, mine) == "no signature fits"
    assert verify(headers_of(mine, webhook_signature=""), BODY, mine) == "no signature fits"
    assert verify(headers_of(mine, webhook_signature="v1,"), BODY, mine) == "no signature fits"
    assert verify(headers_of(mine, seconds_ago=301), BODY, mine) == "too old"
    assert verify(headers_of(mine, seconds_ago=-400), BODY, mine) == "too old"
    now = str(int(time.time()))
    headers = headers_of(mine, seconds_ago=400, webhook_timestamp=now)
    assert verify(headers, BODY, mine) == "no signature fits"
