"""The changes of `change_writing` by messages of the JSON API."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from tests.chaos.change_writing import ChangeWriter, Chosen, Outcome

ONE = {
    name: f"{name}_notification"
    for name in ("archive", "unarchive", "snooze", "unsnooze", "pin", "unpin")
}


class JsonChanges(ChangeWriter):
    """Changes by messages. Their answers name no places in the log."""

    @abstractmethod
    def request(self, token: str, message: Mapping[str, Any]) -> dict[str, Any]:
        """Send a message and return its answer. Raise Refusal, or Unavailable."""

    def find(self, inbox: int, token: str, folder: str = "inbox") -> Chosen | None:
        """Ask for the newest of a folder."""
        asked = {"type": "get_notifications", "limit": 20, "folder": folder}
        rows = self.request(token, asked)["notifications"]
        # It may be a list of the inbox that was not asked for.
        rows = [row for row in rows if row.get("folder", "inbox") == folder]
        if not rows:
            return None
        row = rows[0] if self.is_thorough else self.rng.choice(rows)
        return Chosen(row["id"], row["title"], row.get("pinned", False))

    def change_one(
        self, inbox: int, token: str, name: str, id: int, given: Mapping[str, Any]
    ) -> Outcome:
        """Change one."""
        message = {"type": ONE.get(name, name), "notification_id": id, **given}
        if "until" in message:
            message["until"] = message["until"].isoformat()
        self.request(token, message)
        return Outcome()

    def change_many(self, inbox: int, token: str, name: str, filter: Mapping[str, Any]) -> Outcome:
        """Change what a filter has."""
        return self._many(token, {"type": name, **filter})

    def delete_undoably(self, inbox: int, token: str, id: int) -> Outcome:
        """Delete one."""
        message = {"type": "delete_notification", "notification_id": id, "undoable": True}
        return self._many(token, message)

    def undo(self, inbox: int, token: str, undo_token: str) -> Outcome:
        """Undo a change."""
        return self._many(token, {"type": "undo", "undo_token": undo_token})

    def see(self, inbox: int, token: str) -> Outcome:
        """Mark as seen."""
        return self._many(token, {"type": "mark_seen"})

    def _many(self, token: str, message: Mapping[str, Any]) -> Outcome:
        answer = self.request(token, message)
        return Outcome(0, answer.get("count"), answer.get("undo_token"))

    def schedule(self, inbox: int, token: str, content: dict[str, Any]) -> Any:
        """Send later, to oneself."""
        message = {
            **content,
            "type": "send_notification",
            "notification_type": content["type"],
            "user_id": inbox,
            "deliver_at": content["deliver_at"].isoformat(),
        }
        return self.request(token, message).get("scheduled_id")

    def cancel(self, token: str, scheduled: Any) -> bool:
        """Cancel a send."""
        answer = self.request(token, {"type": "cancel_send", "scheduled_id": scheduled})
        return bool(answer["cancelled"])
