"""The JSON protocol of one connection as a sans-IO state machine: without a socket, a loop or a clock.

`live_inbox.json_api.connection.JsonConnection` moves data between this object and the world:

    socket  -> receive_text, receive_binary, connection_lost
    feed    -> receive_events
    next_action -> perform it by the services -> action_done, action_failed
    frames_to_send -> socket, and when the state is CLOSING, the close code after them

After every call, the connection looks at `next_action` and `frames_to_send` again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from live_inbox.delivery.batch import Batch
from live_inbox.delivery.log import ResetReason
from live_inbox.events import Event, Reset
from live_inbox.json_api.close_codes import JsonCloseCode
from live_inbox.json_api.codec import Malformed, Refused, decode, encode
from live_inbox.json_api.encoded_events import ENCODING, EncodedEvent, encode_all
from live_inbox.json_api.failures import Failure
from live_inbox.json_api.messages import (
    Action,
    FaultCode,
    GetNotifications,
    Ping,
    RefreshToken,
    Reload,
    SenderAction,
    SendNotification,
    ServerMessage,
    TokenExpiring,
    TokenRefreshed,
    error,
    pong,
    refusal,
)

MAX_FAULTS = 20
FAULT_WINDOW_SECONDS = 60.0
"""So many malformed messages within the window end the connection: its client is broken.

A heartbeat that this protocol does not know, sent every five seconds, stays below that."""

MAX_QUEUED = 256
"""Actions that may wait to be performed. Only a client that ignores rate limits sends more."""


class State(Enum):
    """OPEN -> CLOSING (a close code is due) -> CLOSED, or OPEN -> CLOSED if the client is first."""

    OPEN = auto()
    CLOSING = auto()
    CLOSED = auto()


@dataclass(frozen=True, slots=True)
class _Answer:
    """A message that may be sent once the events up to `sequence` have been sent."""

    sequence: int
    message: ServerMessage

    def confirms(self, sequence: int, message: ServerMessage | None) -> bool:
        """Whether this answer says all that the message of that event does."""
        if self.sequence != sequence or message is None:
            return False
        return self.message.items() >= message.items()


class JsonProtocol:
    """The state of one connection. Its feed was opened at the position with the sequence `after`.

    What the client is promised:

    - Events are sent in the order of the log, each once. For a reset, and for an event that has no
      message, the client gets a fresh list instead: `next_action` returns a Reload. It gets nothing for
      an event whose notification has been deleted since: its deletion follows.
    - Actions are performed one at a time in the order of the requests, and answered in that order.
    - An action that changed the inbox is confirmed once, at its place in the stream: its own event
      comes back through the feed, and the confirmation, which says all that it does, replaces it.
    - A list has its place in the stream too: the events that it contains come before it, all others
      after it.

    So events wait while an action is performed, and answers wait for the events before them.
    Otherwise an answer could describe a state that the client has already left: "all are read" after
    a notification that came later.
    """

    __slots__ = (
        "_answers",
        "_current",
        "_faults",
        "_frames",
        "_max_message_bytes",
        "_pending_events",
        "_queue",
        "_received",
        "_refresh",
        "_sent",
        "close_code",
        "state",
    )

    def __init__(self, *, after: int, max_message_bytes: int = 65_536) -> None:
        self.state = State.OPEN
        self.close_code: JsonCloseCode | None = None
        self._max_message_bytes = max_message_bytes
        self._refresh: RefreshToken | None = None
        self._frames: list[bytes] = []
        # Lists, although much is taken from their beginnings: there are thousands of connections, an empty deque takes
        # 600 bytes, and these are nearly always empty. First, when the latest faults happened.
        self._faults: list[float] = []
        # What the client has requested, and the action of it that is being performed.
        self._queue: list[Action | Refused] = []
        self._current: Action | None = None
        # What the feed has delivered and the client has not been sent, and how far each has come.
        self._pending_events: list[tuple[Event | Reset, EncodedEvent | None]] = []
        self._received = after
        self._sent = after
        # Answers that wait until the client was sent the events before them.
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
            self._enqueue(refused)
        else:
            if isinstance(message, Ping):
                self._send(pong())
            elif isinstance(message, RefreshToken):
                self._refresh = message
            else:
                self._enqueue(message)

    def take_refresh(self) -> RefreshToken | None:
        """Return the newest token that the client has sent and nobody has taken so far."""
        refresh, self._refresh = self._refresh, None
        return refresh

    def send_now(self, message: TokenRefreshed | TokenExpiring) -> None:
        """Send a message about the token, which waits for nothing."""
        if self.state is State.OPEN:
            self._send(message)

    def receive_binary(self, *, now: float) -> None:
        """Take note of a binary frame, which means nothing here."""
        if self.state is State.OPEN:
            self._fault(FaultCode.BINARY_MESSAGE, "A message must be text.", now)

    def receive_events(self, batch: Batch[Event] | Batch[Reset]) -> None:
        """Take the next batch of the feed.

        Raises ValueError when an event does not follow on the one before it: an ended connection, after
        which the client loads its list anew, is better than a gap that nobody sees.
        """
        items: Sequence[Event | Reset] = batch.items
        for item, encoded in zip(items, batch.memoize(ENCODING, encode_all), strict=True):
            if self.state is not State.OPEN:
                return
            if isinstance(item, Reset):
                self._received = item.position.sequence
            elif item.sequence != self._received + 1:
                raise ValueError(f"event {item.sequence} does not follow on {self._received}")
            else:
                self._received = item.sequence
                if self._current is None:
                    # Nearly always: while nothing is performed, nothing is held back. `_advance` would do the same, but
                    # look for what else has become possible first (0.4 of the 2.7 µs that sending then takes).
                    self._send_event(item, encoded)
                    continue
            self._pending_events.append((item, encoded))
            self._advance()

    def connection_lost(self) -> None:
        """Take note that the socket is closed, by whichever side."""
        self.state = State.CLOSED

    @property
    def is_busy(self) -> bool:
        """Whether something that was requested has not been answered yet."""
        return bool(self._current or self._queue or self._answers)

    @property
    def sent_through(self) -> int:
        """The sequence of the last event that the client has been sent, or that has no message."""
        return self._sent

    # -- what is to be done ------------------------------------------------------------------------

    def next_action(self) -> Action | None:
        """Return what to perform now, if anything; None while something is being performed.

        A list is not read before everything was answered, so that at most one is kept waiting.
        """
        if self.state is not State.OPEN or self._current is not None or not self._queue:
            return None
        action = self._queue[0]
        if isinstance(action, GetNotifications) and self._answers:
            return None
        assert not isinstance(action, Refused)  # `_advance` has answered those that lead.
        self._current = action
        self._queue.pop(0)
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
            self.close(JsonCloseCode.INTERNAL_ERROR)
            return
        notification_id = getattr(action, "notification_id", None)
        campaign_id = getattr(action, "campaign_id", None)
        answer = refusal(
            type(action), failure, notification_id=notification_id, campaign_id=campaign_id
        )
        self._answers.append(_Answer(0, answer))
        self._advance()

    # -- what is to be sent ------------------------------------------------------------------------

    def frames_to_send(self) -> list[bytes]:
        """Return the frames that are due, in order, and forget them."""
        frames, self._frames = self._frames, []
        return frames

    def close(self, code: JsonCloseCode) -> None:
        """End the connection after the frames that are due; queued actions are dropped."""
        if self.state is State.OPEN:
            self.state = State.CLOSING
            self.close_code = code

    # -- how it goes on ----------------------------------------------------------------------------

    def _finish(self, action: Action) -> None:
        if action is not self._current:
            raise ValueError(f"{action} is not being performed")
        self._current = None

    def _enqueue(self, action: Action | Refused) -> None:
        if len(self._queue) >= MAX_QUEUED:
            self.close(JsonCloseCode.RATE_LIMITED)
            return
        self._queue.append(action)
        self._advance()

    def _fault(self, code: FaultCode, message: str, now: float) -> None:
        self._send(error(code, message))
        self._faults = [*self._faults[1 - MAX_FAULTS :], now]
        if len(self._faults) == MAX_FAULTS and now - self._faults[0] <= FAULT_WINDOW_SECONDS:
            self.close(JsonCloseCode.TOO_MANY_FAULTS)

    def _advance(self) -> None:
        """Do everything that has become possible."""
        if self.state is not State.OPEN:
            return
        while self._current is None and self._queue and isinstance(self._queue[0], Refused):
            self._refuse()
        self._send_answers(self._sent)
        while self._pending_events and self._may_send(self._pending_events[0][0]):
            event, encoded = self._pending_events.pop(0)
            if isinstance(event, Reset):
                self._start_over(event)
            else:
                self._send_event(event, encoded)

    def _may_send(self, event: Event | Reset) -> bool:
        """Whether the action in progress lets an event pass: those of senders do, whose answers are about nothing else.

        No action is passed by a reset, which may begin another numbering than that of its answer.
        """
        if self._current is None:
            return True
        is_of_sender = isinstance(self._current, SendNotification | SenderAction)
        return is_of_sender and isinstance(event, Event)

    def _refuse(self) -> None:
        """Answer what was refused while it was read, now that everything before it was answered."""
        refused = self._queue.pop(0)
        assert isinstance(refused, Refused)
        self._answers.append(_Answer(0, refusal(refused.action, refused.failure)))

    def _send_event(self, event: Event, encoded: EncodedEvent | None) -> None:
        self._sent = event.sequence
        if encoded is None:
            self._reload()
        elif self._answers and self._answers[0].confirms(event.sequence, encoded.message):
            # In place of the event: it may say more, to this client.
            self._send(self._answers.pop(0).message)
        elif encoded.frame:
            self._frames.append(encoded.frame)
        if self._answers:
            self._send_answers(self._sent)

    def _start_over(self, reset: Reset) -> None:
        """Go on from a reset, answering what waits for an event that will not come."""
        self._sent = reset.position.sequence
        if reset.reason is ResetReason.EXPIRED:
            self._send_answers(self._sent)
        else:
            # The log is numbered anew: no sequence of before can be compared with one to come.
            self._send_answers(math.inf)
        self._reload()

    def _reload(self) -> None:
        """Have the newest page read before anything else that was requested."""
        if not (self._queue and isinstance(self._queue[0], Reload)):
            self._queue.insert(0, Reload())

    def _send_answers(self, reached: float) -> None:
        """Send the answers whose place in the stream is reached."""
        while self._answers and self._answers[0].sequence <= reached:
            self._send(self._answers.pop(0).message)

    def _send(self, message: ServerMessage) -> None:
        self._frames.append(encode(message))
