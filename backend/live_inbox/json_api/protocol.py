"""One connection of the original JSON protocol, without a socket, a loop or a clock.

The shell (the consumer) moves data between this object and the world:

    socket  -> receive_text, receive_binary, connection_lost
    feed    -> receive_event
    next_action -> perform it by the services -> action_done, action_failed
    frames_to_send -> socket, and when the state is CLOSING, the close code after them

After every call, the shell looks at `next_action` and `frames_to_send` again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, IntEnum, auto

from live_inbox.events import Event, Reset, ResetReason
from live_inbox.json_api.codec import Malformed, Refused, decode, encode
from live_inbox.json_api.encoded_events import Wordings
from live_inbox.json_api.messages import (
    Action,
    Failure,
    FaultCode,
    GetNotifications,
    Ping,
    Reload,
    SendNotification,
    ServerMessage,
    error,
    pong,
    refusal,
)

MAX_FAULTS = 20
FAULT_WINDOW_SECONDS = 60.0
"""So many malformed messages within the window end the connection: its client is broken.

A heartbeat that this protocol does not know, sent every five seconds, does not get there."""

MAX_ASKED = 256
"""Actions that may wait to be performed. More are sent only by a client that does not heed rates."""


class State(Enum):
    """OPEN -> CLOSING (a close code is due) -> CLOSED, or OPEN -> CLOSED if the client is first."""

    OPEN = auto()
    CLOSING = auto()
    CLOSED = auto()


class CloseCode(IntEnum):
    """Why the server ends a connection; from 4000 on, the HTTP status of that meaning plus 4000."""

    INTERNAL_ERROR = 1011
    RESTARTING = 1012
    TOO_MANY_FAULTS = 4400
    UNAUTHENTICATED = 4401
    EXPIRED = 4403
    RATE_LIMITED = 4429


@dataclass(frozen=True, slots=True)
class Closing:
    """What goes with a close code: the reason that is sent, and what the client does next."""

    reason: str
    advice: str


CLOSINGS = {
    CloseCode.INTERNAL_ERROR: Closing(
        "Internal error", "reconnects, waiting longer each time, and gets the list"
    ),
    CloseCode.RESTARTING: Closing(
        "The server is restarting", "reconnects after a random wait of some seconds"
    ),
    CloseCode.TOO_MANY_FAULTS: Closing(
        "Too many malformed messages", "does not reconnect by itself: it has a fault to be mended"
    ),
    CloseCode.UNAUTHENTICATED: Closing(
        "Token missing or not accepted", "does not reconnect before it has another token"
    ),
    CloseCode.EXPIRED: Closing(
        "Token expired or revoked", "gets a fresh token and reconnects at once"
    ),
    CloseCode.RATE_LIMITED: Closing(
        "Too many messages or connections", "reconnects, waiting longer each time"
    ),
}
"""Every code with its meaning; `docs/legacy-protocol.md` has the same table."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """A message that may go once the events up to `sequence` have been told."""

    sequence: int
    message: ServerMessage

    def is_said_by(self, sequence: int, message: ServerMessage | None) -> bool:
        """Whether the message of that event is this very answer."""
        return self.sequence == sequence and self.message == message


class LegacyProtocol:
    """The state of one connection. Its feed was opened at the position with the sequence `after`.

    What the client is promised:

    - Events are told in the order of the log, each once. For a reset, and for an event that has no
      message, the client gets a fresh list instead: the shell is given a Reload to perform.
    - Actions are performed one at a time in the order of asking, and answered in that order.
    - An action that changed the inbox is confirmed once, at its place in the stream: its own event
      comes back through the feed, says the same as the confirmation and stands for it.
    - A list has its place in the stream too: the events that it contains come before it, all others
      after it.

    So events wait while an action is performed, and answers wait for the events before them.
    Otherwise an answer could speak of a moment that the client has left behind: "all are read" after
    a notification that came later.
    """

    __slots__ = (
        "_answers",
        "_asked",
        "_current",
        "_faults",
        "_frames",
        "_max_message_bytes",
        "_received",
        "_told",
        "_untold",
        "_wordings",
        "close_code",
        "state",
    )

    def __init__(
        self, *, after: int, max_message_bytes: int = 65_536, wordings: Wordings | None = None
    ) -> None:
        self._wordings = Wordings() if wordings is None else wordings
        self.state = State.OPEN
        self.close_code: CloseCode | None = None
        self._max_message_bytes = max_message_bytes
        self._frames: list[bytes] = []
        # Lists, although much is taken from their beginnings: there are thousands of connections, an empty deque takes
        # 600 bytes, and these are nearly always empty. First, when the latest faults happened.
        self._faults: list[float] = []
        # What the client has asked for, and the one of it that is being performed.
        self._asked: list[Action | Refused] = []
        self._current: Action | None = None
        # What the feed has brought but the client was not told yet, and how far each has come.
        self._untold: list[Event | Reset] = []
        self._received = after
        self._told = after
        # What is to be said once the client was told enough.
        self._answers: list[_Answer] = []

    # -- what arrives ------------------------------------------------------------------------------

    def receive_text(self, text: str, *, now: float) -> None:
        """Take a text frame; `now` is in seconds of any clock that does not go back."""
        if self.state is not State.OPEN:
            return
        try:
            message = decode(text, max_bytes=self._max_message_bytes)
        except Malformed as fault:
            self._fault(fault.code, fault.message, now)
        except Refused as refused:
            self._ask(refused)
        else:
            if isinstance(message, Ping):
                self._say(pong())
            else:
                self._ask(message)

    def receive_binary(self, *, now: float) -> None:
        """Take note of a binary frame, which means nothing here."""
        if self.state is State.OPEN:
            self._fault(FaultCode.BINARY_MESSAGE, "A message must be text.", now)

    def receive_event(self, event: Event | Reset) -> None:
        """Take what the feed yields next.

        Raises ValueError when it does not follow on what came before: an ended connection, after
        which the client loads its list anew, is better than a gap that nobody sees.
        """
        if self.state is not State.OPEN:
            return
        if isinstance(event, Reset):
            self._received = event.position.sequence
        elif event.sequence != self._received + 1:
            raise ValueError(f"event {event.sequence} does not follow on {self._received}")
        else:
            self._received = event.sequence
            if self._current is None:
                # Nearly always: while nothing is performed, nothing is held back. `_advance` would do the same, but
                # look for what else has become possible first (0.4 of the 2.7 µs that telling then takes).
                self._tell(event)
                return
        self._untold.append(event)
        self._advance()

    def connection_lost(self) -> None:
        """Take note that the socket is closed, by whichever side."""
        self.state = State.CLOSED

    @property
    def is_busy(self) -> bool:
        """Whether something that was asked has not been answered yet."""
        return bool(self._current or self._asked or self._answers)

    # -- what is to be done ------------------------------------------------------------------------

    def next_action(self) -> Action | None:
        """Return what to perform now, if anything; None while something is being performed.

        A list is not read before everything was answered, so that at most one is kept waiting.
        """
        if self.state is not State.OPEN or self._current is not None or not self._asked:
            return None
        action = self._asked[0]
        if isinstance(action, GetNotifications) and self._answers:
            return None
        assert not isinstance(action, Refused)  # `_advance` has answered those that lead.
        self._current = action
        self._asked.pop(0)
        return action

    def action_done(
        self, action: Action, answer: ServerMessage, *, sequence: int | None = None
    ) -> None:
        """Answer the action that `next_action` has returned.

        `sequence` is that of this inbox: of the event that the action caused, or of the list that
        was read. None when it caused none here: a send to somebody else, or nothing to change.
        """
        self._finish(action)
        self._answers.append(_Answer(sequence or 0, answer))
        self._advance()

    def action_failed(self, action: Action, failure: Failure) -> None:
        """Answer the action that `next_action` has returned with the reason why it failed.

        A Reload that failed ends the connection: the client would not learn what it has missed.
        """
        self._finish(action)
        if isinstance(action, Reload):
            self.close(CloseCode.INTERNAL_ERROR)
            return
        notification_id = getattr(action, "notification_id", None)
        answer = refusal(type(action), failure, notification_id=notification_id)
        self._answers.append(_Answer(0, answer))
        self._advance()

    # -- what is to be sent ------------------------------------------------------------------------

    def frames_to_send(self) -> list[bytes]:
        """Return the frames that are due, in order, and forget them."""
        frames, self._frames = self._frames, []
        return frames

    def close(self, code: CloseCode) -> None:
        """End the connection after the frames that are due; what is still asked is dropped."""
        if self.state is State.OPEN:
            self.state = State.CLOSING
            self.close_code = code

    # -- how it goes on ----------------------------------------------------------------------------

    def _finish(self, action: Action) -> None:
        if action is not self._current:
            raise ValueError(f"{action} is not being performed")
        self._current = None

    def _ask(self, action: Action | Refused) -> None:
        if len(self._asked) >= MAX_ASKED:
            self.close(CloseCode.RATE_LIMITED)
            return
        self._asked.append(action)
        self._advance()

    def _fault(self, code: FaultCode, message: str, now: float) -> None:
        self._say(error(code, message))
        self._faults = [*self._faults[1 - MAX_FAULTS :], now]
        if len(self._faults) == MAX_FAULTS and now - self._faults[0] <= FAULT_WINDOW_SECONDS:
            self.close(CloseCode.TOO_MANY_FAULTS)

    def _advance(self) -> None:
        """Do everything that has become possible."""
        if self.state is not State.OPEN:
            return
        while self._current is None and self._asked and isinstance(self._asked[0], Refused):
            self._refuse()
        self._answer(self._told)
        while self._untold and self._may_tell(self._untold[0]):
            event = self._untold.pop(0)
            if isinstance(event, Reset):
                self._start_over(event)
            else:
                self._tell(event)

    def _may_tell(self, event: Event | Reset) -> bool:
        """Whether the action in progress lets an event pass: a send does, for it says nothing of others.

        No action is passed by a reset, which may begin another numbering than that of its answer.
        """
        if self._current is None:
            return True
        return isinstance(self._current, SendNotification) and isinstance(event, Event)

    def _refuse(self) -> None:
        """Answer what was refused while it was read, now that everything before it was answered."""
        refused = self._asked.pop(0)
        assert isinstance(refused, Refused)
        self._answers.append(_Answer(0, refusal(refused.action, refused.failure)))

    def _tell(self, event: Event) -> None:
        wording = self._wordings.of(event)
        if wording is None:
            self._reload()
        else:
            self._frames.append(wording.frame)
        self._told = event.sequence
        message = None if wording is None else wording.message
        if self._answers and self._answers[0].is_said_by(event.sequence, message):
            self._answers.pop(0)
        self._answer(self._told)

    def _start_over(self, reset: Reset) -> None:
        """Go on from a reset, answering what waits for an event that will not come."""
        self._told = reset.position.sequence
        if reset.reason is ResetReason.EXPIRED:
            self._answer(self._told)
        else:
            # The log is numbered anew: no sequence of before can be compared with one to come.
            self._answer(math.inf)
        self._reload()

    def _reload(self) -> None:
        """Have the newest page read before anything else that was asked."""
        if not (self._asked and isinstance(self._asked[0], Reload)):
            self._asked.insert(0, Reload())

    def _answer(self, reached: float) -> None:
        """Say the answers whose place in the stream is reached."""
        while self._answers and self._answers[0].sequence <= reached:
            self._say(self._answers.pop(0).message)

    def _say(self, message: ServerMessage) -> None:
        self._frames.append(encode(message))
