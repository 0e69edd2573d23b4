"""A server of the product for the tests of the pages, and the changes that other clients make meanwhile."""

from __future__ import annotations

import os
from typing import Any

import httpx

from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.python_process import run_python
from tests.stacks.uvicorn_server import ServerProcess

_PREPARE = """
import django
django.setup()
from live_inbox_site import demo
demo.prepare()
"""


class Site:
    """A development server, as `make run` starts it: with the demo users Alice and Bob."""

    def __init__(self, process_registry: ProcessRegistry, environment: dict[str, str]) -> None:
        self._environment = {
            **environment,
            "ENVIRONMENT": "development",
            "DJANGO_SETTINGS_MODULE": "live_inbox_site.settings",
            # Tests use tokens of a few seconds, which must expire on time.
            "JWT_LEEWAY_SECONDS": "0",
            # Without Redis, what another process sends is only found by reconciliation.
            "RECONCILE_SECONDS": "0.2",
            # Each test of the admin signs in.
            "SIGN_IN_RATE_PER_NAME": "10000/hour burst 10000",
            "SIGN_IN_RATE_PER_ADDRESS": "10000/hour burst 10000",
        }
        self.run(_PREPARE)
        self.server = ServerProcess(process_registry, self._environment).start()
        self._client = httpx.Client(base_url=self.http, timeout=60)
        self._tokens: dict[str, str] = {}

    @property
    def http(self) -> str:
        """The address, without a trailing slash."""
        return self.server.http

    def token(self, name: str, seconds: int = 3600) -> str:
        """Return a token of a demo user, who may send to anyone; it expires after `seconds`."""
        answer = self._client.get("/demo-token", params={"user": name, "seconds": seconds})
        return str(answer.raise_for_status().json()["token"])

    def execute(self, name: str, query: str, **variables: Any) -> Any:
        """Run a GraphQL operation as a demo user and return its data."""
        if name not in self._tokens:
            self._tokens[name] = self.token(name)
        answer = self._client.post(
            "/graphql/",
            headers={"Authorization": f"Bearer {self._tokens[name]}"},
            json={"query": query, "variables": variables},
        ).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def send(self, name: str, title: str, *, sender: str | None = None, **fields: Any) -> str:
        """Send a demo user a notification, from themselves by default, and return its id."""
        viewer = self.execute(name, "{ viewer { id } }")["viewer"]["id"]
        document = "mutation ($input: SendInput!) { send(input: $input) { notification { id } } }"
        sent = self.execute(
            sender or name, document, input={"recipientId": viewer, "title": title, **fields}
        )
        return str(sent["send"]["notification"]["id"])

    def send_many(self, name: str, count: int, *, title: str = "n", **fields: Any) -> None:
        """Send a user many notifications, called `n1`, `n2`, ..., in another process."""
        self.run(
            "import django; django.setup()\n"
            "from django.contrib.auth import get_user_model\n"
            "from live_inbox import services\n"
            f"user = get_user_model().objects.get(username={name!r})\n"
            f"for number in range(1, {count} + 1):\n"
            f"    services.send(recipient_id=user.pk, title=f'{title}{{number}}', message='', **{fields!r})\n"
        )

    def send_from_other_process(self, name: str, title: str, *, type: str = "general") -> None:
        """Send with the management command, in its own process: the server need not run."""
        number = {"alice": "1", "bob": "2"}[name]
        command = ["manage.py", "test_notifications", "--user-id", number, "--title", title]
        command += ["--type", type]
        run_python(*command, "--message", "", environment=os.environ | self._environment)

    def subscriptions(self) -> float:
        """Return how many subscribers the server has."""
        text = self._client.get("/metrics").raise_for_status().text
        name = "inbox_subscriptions "
        return sum(float(line.split()[1]) for line in text.splitlines() if line.startswith(name))

    def run(self, script: str) -> str:
        """Run a script of Python on the site's database, in its own process; return what it prints."""
        return run_python("-c", script, environment=os.environ | self._environment)

    def close(self) -> None:
        """Stop the server."""
        self._client.close()
        self.server.kill()

    def titles(self, name: str) -> list[str]:
        """Return the titles of the notifications in an inbox, newest first."""
        data = self.execute(name, "{ notifications(first: 100) { nodes { title } } }")
        return [node["title"] for node in data["notifications"]["nodes"]]

    def _delete_all(self, name: str) -> None:
        self.run(
            "import django; django.setup()\n"
            "from live_inbox import services\n"
            "from live_inbox.models import Notification\n"
            f"for found in Notification.objects.filter(recipient__username={name!r}).order_by('pk'):\n"
            "    services.delete(user_id=found.recipient_id, notification_id=found.pk)\n"
        )

    def clear(self) -> None:
        """Delete all notifications, and turn all types of notification on again."""
        for name in ("alice", "bob"):
            data = self.execute(
                name,
                "{ notifications(first: 100) { nodes { id } totalCount archivedCount snoozedCount } "
                "notificationPreferences { type enabled } }",
            )
            listed = data["notifications"]
            if listed["totalCount"] > 100 or listed["archivedCount"] or listed["snoozedCount"]:
                self._delete_all(name)
                data["notifications"]["nodes"] = []
            for node in data["notifications"]["nodes"]:
                self.execute(
                    name, "mutation ($id: ID!) { delete(id: $id) { position } }", id=node["id"]
                )
            for preference in data["notificationPreferences"]:
                if not preference["enabled"]:
                    self.execute(
                        name,
                        "mutation ($input: NotificationPreferenceInput!) "
                        "{ setNotificationPreference(input: $input) { type } }",
                        input={"type": preference["type"], "enabled": True},
                    )
