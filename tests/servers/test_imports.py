"""What a project imports before it serves: no work is done then."""

from __future__ import annotations

import subprocess
import sys

import pytest
from django.test import AsyncClient, Client

pytestmark = pytest.mark.stack("embedded")

SETTINGS = """
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "live_inbox"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    LIVE_INBOX={"NO_SUCH_SETTING": 1},
)
import django
django.setup()
"""
URLS = f"""{SETTINGS}
import sys
import live_inbox.urls
from live_inbox_graphql.schema import own_schema
assert own_schema.cache_info().currsize == 0
"""
ASGI = """
import sys
import live_inbox.asgi
assert callable(live_inbox.asgi.mount)
assert "channels" not in sys.modules and "strawberry" not in sys.modules
"""


@pytest.mark.parametrize("script", [URLS, ASGI], ids=["urls", "asgi"])
def test_an_import_builds_no_schema_and_reads_no_settings(script: str) -> None:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("method", ["get", "post", "put", "head", "options"])
@pytest.mark.parametrize("path", ["/ws/notifications/", "/ws/notifications"])
async def test_a_plain_request_to_the_json_api_gets_an_explanation(method: str, path: str) -> None:
    # Also without a CSRF token.
    response = await getattr(AsyncClient(enforce_csrf_checks=True), method)(path)
    assert response.status_code == 426
    assert (response["Upgrade"], response["Connection"]) == ("websocket", "Upgrade")
    if method != "head":
        (error,) = response.json()["errors"]
        assert "for WebSockets" in error["message"]
        assert error["extensions"] == {"code": "BAD_REQUEST"}


def test_over_wsgi_it_has_no_headers_that_wsgi_forbids(client: Client) -> None:
    response = client.post("/ws/notifications/")
    assert (response.status_code, "Upgrade" in response) == (426, False)
