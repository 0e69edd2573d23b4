"""The changes of `change_writing` by the services, in code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.chaos.change_writing import ChangeWriter, Chosen, Outcome


class ServiceChanges(ChangeWriter):
    """Changes by calls. Their results name the place of what has changed."""

    def find(self, inbox: int, token: str, folder: str = "inbox") -> Chosen | None:
        """Read the newest of a folder."""
        from live_inbox import selectors
        from live_inbox.events import Folder

        found = selectors.page(user_id=inbox, limit=20, folder=Folder(folder)).notifications
        if not found:
            return None
        one = found[0] if self.is_thorough else self.rng.choice(found)
        return Chosen(one.id, one.title, one.pinned)

    def change_one(
        self, inbox: int, token: str, name: str, id: int, given: Mapping[str, Any]
    ) -> Outcome:
        """Change one."""
        from live_inbox import services

        done = getattr(services, name)(user_id=inbox, notification_id=id, **given)
        return Outcome(done.position.sequence if done.changed else 0, int(done.changed))

    def change_many(self, inbox: int, token: str, name: str, filter: Mapping[str, Any]) -> Outcome:
        """Change what a filter has."""
        from live_inbox import services
        from live_inbox.events import Folder
        from live_inbox.selectors import ListFilter

        given: dict[str, Any] = dict(filter)
        if "folder" in given:
            given["folder"] = Folder(given["folder"])
        names = {"mark_all_read": "mark_all_read_of"}
        call = getattr(services, names.get(name, name))
        done = call(user_id=inbox, filter=ListFilter.of(**given), undoable=True)
        return Outcome(done.position.sequence, done.count, done.undo_token)

    def delete_undoably(self, inbox: int, token: str, id: int) -> Outcome:
        """Delete one."""
        from live_inbox import services

        done = services.delete(user_id=inbox, notification_id=id, undoable=True)
        return Outcome(done.position.sequence, None, done.undo_token)

    def undo(self, inbox: int, token: str, undo_token: str) -> Outcome:
        """Undo a change."""
        from live_inbox import services

        done = services.undo(user_id=inbox, token=undo_token)
        return Outcome(done.position.sequence, done.count)

    def see(self, inbox: int, token: str) -> Outcome:
        """Mark as seen."""
        from live_inbox import services

        done = services.mark_seen(user_id=inbox)
        return Outcome(done.position.sequence, done.count)

    def schedule(self, inbox: int, token: str, content: dict[str, Any]) -> Any:
        """Send later, without a sender."""
        from live_inbox import services

        sent = services.send(recipient_id=inbox, **content)
        return None if sent.scheduled is None else sent.scheduled.pk

    def cancel(self, token: str, scheduled: Any) -> bool:
        """Cancel a send."""
        from live_inbox import services

        return services.cancel(scheduled_id=scheduled)
