"""What all writers that are clients of an API have in common: refusals are recorded, and outages waited for."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from tests.chaos.change_writing import ChangeWriter
from tests.chaos.history import COMMITTED, DELETED, EDITED, REFUSED, UNKNOWN
from tests.chaos.writing import Action

REQUEST_SECONDS = 8.0
RETRY_SECONDS = 0.3


class Refusal(Exception):
    """Raised when the server answers with an error of the request."""


class Unavailable(Exception):
    """Raised when it is unknown what came of a request, and it can be tried again."""


class ClientWriter(ChangeWriter):
    """Writes to its users' own inboxes, and as the operator to anybody's."""

    def actions(self) -> Mapping[Action, int]:
        """Return what it does, with the weight of each."""
        raise NotImplementedError

    def write(self) -> None:
        """Do one thing. What is refused is recorded: the run decides which refusals it expects."""
        which = self.rng.randrange(len(self.orders.inboxes))
        inbox, token = self.orders.inboxes[which], self.orders.tokens[which]
        operation = ""
        try:
            with self.choose(self.actions()) as action:
                operation = action.__name__.strip("_")
                action(inbox, token)
        except Refusal as refusal:
            self.claim(inbox, "", REFUSED, operation=operation, reason=str(refusal))
        except Unavailable:
            self._pause()

    @abstractmethod
    def edit(self, id: int, message: str) -> bool:
        """Edit a notification as the operator, who may edit what others have sent; return whether that changed it."""

    @abstractmethod
    def recall(self, id: int) -> bool:
        """Recall a notification as the operator; return whether it was still there."""

    def _edit(self, inbox: int, token: str) -> None:
        chosen = self.find(inbox, token)
        if chosen is None:
            return
        more: dict[str, Any] = {"notification_id": chosen.id, "operation": "edit"}
        self.claim(inbox, EDITED, UNKNOWN, **more)
        assert self.edit(chosen.id, f"edited by {self.title()}")
        self.claim(inbox, EDITED, COMMITTED, **more)

    def _recall(self, inbox: int, token: str) -> None:
        chosen = self.find(inbox, token)
        if chosen is None:
            return
        more: dict[str, Any] = {"notification_id": chosen.id, "operation": "recall"}
        self.claim(inbox, DELETED, UNKNOWN, **more)
        if self.recall(chosen.id):
            self.claim(inbox, DELETED, COMMITTED, **more)

    def until_done(self, ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Ask again while it is unknown what came of it, unless the writer stops."""
        while True:
            try:
                return ask()
            except Unavailable:
                if self.stopping:
                    raise
                self._pause()

    def _pause(self) -> None:
        time.sleep(self.rng.uniform(0, 2 * RETRY_SECONDS))
