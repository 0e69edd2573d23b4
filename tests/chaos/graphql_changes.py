"""The changes of `change_writing` by mutations of the GraphQL API."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from tests.chaos.change_writing import ChangeWriter, Chosen, Outcome
from tests.chaos.history import Place

LIST = """query ($filter: NotificationFilter) { notifications(first: 20, filter: $filter) {
    nodes { id title pinned } } }"""
_OF_ONE = "notification { folder pinned performedAction }"
MUTATIONS = {
    "archive": f"mutation ($id: ID!) {{ done: archive(id: $id) {{ {_OF_ONE} }} }}",
    "unarchive": f"mutation ($id: ID!) {{ done: unarchive(id: $id) {{ {_OF_ONE} }} }}",
    "snooze": f"mutation ($id: ID!, $until: DateTime!) {{ done: snooze(id: $id, until: $until) {{ {_OF_ONE} }} }}",
    "unsnooze": f"mutation ($id: ID!) {{ done: unsnooze(id: $id) {{ {_OF_ONE} }} }}",
    "pin": f"mutation ($id: ID!) {{ done: pin(id: $id) {{ {_OF_ONE} }} }}",
    "unpin": f"mutation ($id: ID!) {{ done: unpin(id: $id) {{ {_OF_ONE} }} }}",
    "perform_action": "mutation ($id: ID!, $actionId: String!) "
    f"{{ done: performAction(id: $id, actionId: $actionId) {{ {_OF_ONE} }} }}",
}
EXPECTED = {
    "archive": ("folder", "ARCHIVE"),
    "snooze": ("folder", "SNOOZED"),
    "pin": ("pinned", True),
    "unpin": ("pinned", False),
    "perform_action": ("performedAction", "approve"),
}
"""What the answer shows, whether this call or another one has done it."""
_OF_MANY = "{ count undoToken position }"
BULK_MUTATIONS = {
    "mark_all_read": f"mutation ($filter: NotificationFilter) {{ done: markAllRead(filter: $filter) {_OF_MANY} }}",
    "archive_all": f"mutation ($filter: NotificationFilter) {{ done: archiveAll(filter: $filter) {_OF_MANY} }}",
    "delete_all": f"mutation ($filter: NotificationFilter) {{ done: deleteAll(filter: $filter) {_OF_MANY} }}",
}
DELETE = "mutation ($id: ID!) { done: delete(id: $id, undoable: true) { undoToken position } }"
UNDO = "mutation ($token: String!) { done: undo(token: $token) { count position } }"
SEE = "mutation { done: markSeen { count position } }"
SCHEDULE = "mutation ($input: SendInput!) { done: send(input: $input) { scheduled { id } } }"
CANCEL = "mutation ($id: ID) { done: cancelSend(id: $id) { cancelled } }"


class GraphQLChanges(ChangeWriter):
    """Changes by requests."""

    @abstractmethod
    def request(self, token: str, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Return the data of the answer. Raise Refusal, or Unavailable."""

    def find(self, inbox: int, token: str, folder: str = "inbox") -> Chosen | None:
        """Ask for the newest of a folder."""
        asked = {"filter": {"folder": folder.upper()}}
        nodes = self.request(token, LIST, asked)["notifications"]["nodes"]
        if not nodes:
            return None
        node = nodes[0] if self.is_thorough else self.rng.choice(nodes)
        return Chosen(int(node["id"]), node["title"], node["pinned"])

    def change_one(
        self, inbox: int, token: str, name: str, id: int, given: Mapping[str, Any]
    ) -> Outcome:
        """Change one. The position says nothing: another writer may have done the same."""
        variables: dict[str, Any] = {"id": str(id)}
        if "until" in given:
            variables["until"] = given["until"].isoformat()
        if "action_id" in given:
            variables["actionId"] = given["action_id"]
        shown = self.request(token, MUTATIONS[name], variables)["done"]["notification"]
        if name in EXPECTED:
            field, expected = EXPECTED[name]
            assert shown[field] == expected, (name, shown)
        return Outcome()

    def change_many(self, inbox: int, token: str, name: str, filter: Mapping[str, Any]) -> Outcome:
        """Change what a filter has."""
        given = {key: value.upper() if key == "folder" else value for key, value in filter.items()}
        return self._many(token, BULK_MUTATIONS[name], {"filter": given})

    def delete_undoably(self, inbox: int, token: str, id: int) -> Outcome:
        """Delete one."""
        return self._many(token, DELETE, {"id": str(id)})

    def undo(self, inbox: int, token: str, undo_token: str) -> Outcome:
        """Undo a change."""
        return self._many(token, UNDO, {"token": undo_token})

    def see(self, inbox: int, token: str) -> Outcome:
        """Mark as seen."""
        return self._many(token, SEE, {})

    def _many(self, token: str, query: str, variables: dict[str, Any]) -> Outcome:
        done = self.request(token, query, variables)["done"]
        sequence = Place.parse(done["position"]).sequence
        return Outcome(sequence, done.get("count"), done.get("undoToken"))

    def schedule(self, inbox: int, token: str, content: dict[str, Any]) -> Any:
        """Send later, to oneself."""
        given = as_input(content) | {"recipientId": str(inbox)}
        scheduled = self.request(token, SCHEDULE, {"input": given})["done"]["scheduled"]
        return scheduled and scheduled["id"]

    def cancel(self, token: str, scheduled: Any) -> bool:
        """Cancel a send."""
        return bool(self.request(token, CANCEL, {"id": scheduled})["done"]["cancelled"])


def as_input(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return content by the names of the input types."""
    given = dict(content)
    for name, key in (("expires_at", "expiresAt"), ("deliver_at", "deliverAt")):
        if name in given:
            given[key] = given.pop(name).isoformat()
    if "group_key" in given:
        given["groupKey"] = given.pop("group_key")
    if given.get("actions"):
        names = {"id": "actionId"}
        given["actions"] = [
            {names.get(name, name): value for name, value in each.items()}
            for each in given["actions"]
        ]
    return given
