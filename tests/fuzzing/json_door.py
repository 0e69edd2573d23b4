"""The JSON protocol: every action with values right and wrong, in sequences, against a model of its documentation."""

from __future__ import annotations

import json
from functools import cached_property
from random import Random
from typing import Any, ClassVar

from django.contrib.auth.models import User

from live_inbox import selectors
from live_inbox.identity.issuing import issue_token
from tests.conformance.frames import BINARY, CLOSE, TEXT, Frame, close_payload, encoded
from tests.fuzzing.door import Door
from tests.fuzzing.json_folders import Folders, Stale
from tests.fuzzing.json_messages import Messages, Sent
from tests.fuzzing.json_model import MAX_FAULTS, JsonModel
from tests.fuzzing.json_settings import Settings
from tests.fuzzing.raw_socket import RawSocket
from tests.fuzzing.soundness import Unsound, mute
from tests.fuzzing.target import TOKEN_SECONDS

LISTS = [
    f'{{"type":"get_notifications","limit":100,"folder":"{folder}"}}'
    for folder in ("inbox", "archive", "snoozed", "grouped")
]
SETTING_LISTS = ['{"type":"get_preferences"}', '{"type":"get_topics"}']
GROUPS = 5
MARKER_ID = b"4611686018427387904"
MARKER = f'{{"type":"mark_read","notification_id":{MARKER_ID.decode()}}}'
"""Of no notification. Its answer comes after those to all before it."""
WRONG_TOKENS = ("", "x", "a.b.c", "%00", "%ff", "x" * 5000)
WRONG_TOKEN_CODES = {4401, 4403}


class JsonDoor(Door):
    """Each attempt is a connection with some messages; each message is an input."""

    name: ClassVar[str] = "json"
    short_inputs: ClassVar[int] = 600

    @cached_property
    def _tokens(self) -> dict[str, bool]:
        """Tokens, and whether they keep alice's connection open."""
        alice, bob = (
            User.objects.get(pk=pk) for pk in (self.target.user_id, self.target.bystander_id)
        )
        return {
            issue_token(alice, ttl_seconds=TOKEN_SECONDS): True,
            self.target.token: True,
            issue_token(bob, ttl_seconds=TOKEN_SECONDS): False,
            "x": False,
            "": False,
            "\u0000é": False,
        }

    @cached_property
    def _carol(self) -> User:
        return User.objects.create_user("carol")

    def attempt(self, random: Random) -> int:
        """Send messages on a new connection."""
        sent: list[Sent] = []
        try:
            if random.random() < 0.03:
                return self._without_access(random)
            if random.random() < 0.03:
                return self._without_waiting(random)
            with RawSocket(self.target.port, self._path(self.target.token)) as client:
                try:
                    self._converse(random, client, sent)
                except Stale:
                    self._wait_until_done(client)
        except TimeoutError:
            raise mute([each.data for each in sent]) from None
        except Unsound as unsound:
            raise Unsound(f"{unsound}; sent {[each.data for each in sent]}") from None
        return len(sent)

    def _wait_until_done(self, client: RawSocket) -> None:
        """Read until the server has done all that it was sent: the next attempt begins with what it then has."""
        client.send([_encoded(Sent(MARKER))])
        while True:
            client.read_until(bool)
            if not client.frames or client.frames[0].opcode == CLOSE:
                return
            if MARKER_ID in client.frames.pop(0).payload:
                return

    def _path(self, token: str) -> str:
        return f"/ws/notifications/?token={token}"

    def _without_access(self, random: Random) -> int:
        """Nobody gets an answer to anything but the close code."""
        messages = Messages(random, user_id=1, other_id=2, tokens=self._tokens)
        sent = [messages.draw() for _ in range(5)]
        with RawSocket(self.target.port, self._path(random.choice(WRONG_TOKENS))) as client:
            client.send(_encoded(each) for each in sent)
            client.read_until(lambda frames: bool(frames))
        frames = client.frames
        if not frames or frames[0].opcode != CLOSE or _code(frames[0]) not in WRONG_TOKEN_CODES:
            raise Unsound(f"{frames} without a token, for {sent}")
        return len(sent)

    def _without_waiting(self, random: Random) -> int:
        """Somebody else, whose inbox nobody compares, sends and is gone."""
        messages = Messages(random, user_id=self._carol.pk, other_id=1, tokens=self._tokens)
        sent = [messages.draw() for _ in range(random.choice((1, 20)))]
        token = issue_token(self._carol, ttl_seconds=TOKEN_SECONDS)
        with RawSocket(self.target.port, self._path(token)) as client:
            client.send(_encoded(each) for each in sent)
        return len(sent)

    def _converse(self, random: Random, client: RawSocket, sent: list[Sent]) -> None:
        first = [*LISTS, *SETTING_LISTS]
        client.send([_encoded(Sent(each)) for each in first])
        client.read_until(lambda frames: len(frames) >= len(first))
        *pages, preferences, topics = [json.loads(client.frames.pop(0).payload) for _ in first]
        model = JsonModel(Folders(*pages), Settings(preferences, topics), self.target.user_id)
        if model.folders.is_whole:
            self._learn_groups(client, model.folders)
        messages = Messages(
            random,
            user_id=self.target.user_id,
            other_id=self.target.bystander_id,
            tokens=self._tokens,
        )
        is_alone = random.random() < 0.3
        for _ in range(random.choice((1, 2, 3))):
            known = model.folders
            messages.ids = [*list(known.rows)[-12:], *list(known.elsewhere)[-6:]]
            messages.undo_tokens = list(known.undoable)
            together = [messages.draw() for _ in range(1 if is_alone else random.choice((1, 2, 4)))]
            sent += together
            for each in together:
                model.send(each)
            client.send([b"".join(map(_encoded, together))])
            if not self._receive(client, model):
                return
        if random.random() < 0.3:
            self._compare(model)
        client.send([encoded(Frame(CLOSE, close_payload(1000)))])
        client.read_until(lambda frames: any(frame.opcode == CLOSE for frame in frames))
        for frame in client.frames[:-1]:
            model.receive(json.loads(frame.payload))
        if not client.frames or _code(client.frames[-1]) != 1000:
            raise Unsound(f"{client.frames} for a close")

    def _learn_groups(self, client: RawSocket, folders: Folders) -> None:
        """Ask what is folded under the first rows."""
        rows = [row for row in folders.rows.values() if row.get("group_count", 1) > 1][-GROUPS:]
        for row in rows:
            asked = {"type": "get_notifications", "limit": 100, "group_of": row["id"]}
            client.send([_encoded(Sent(json.dumps(asked)))])
            client.read_until(bool)
            folders.learn_group(row["id"], json.loads(client.frames.pop(0).payload))

    def _receive(self, client: RawSocket, model: JsonModel) -> bool:
        """Take messages until there is an answer to each; return False if the connection was closed."""
        is_enough = model.faults >= MAX_FAULTS
        while is_enough or not model.is_answered:
            try:
                client.read_until(bool)
            except TimeoutError:
                raise Unsound(f"no answer: {model.waiting()}") from None
            if not client.frames:
                raise Unsound(f"the connection broke off: {model.waiting()}")
            frame = client.frames.pop(0)
            if frame.opcode == CLOSE:
                if not is_enough or _code(frame) != 4400:
                    raise Unsound(f"closed with {frame.payload!r} after {model.faults} faults")
                return False
            model.receive(json.loads(frame.payload))
        return True

    def _compare(self, model: JsonModel) -> None:
        """See that the database has what the answers have said."""
        page = selectors.page(user_id=str(self.target.user_id), limit=100)
        folders = model.folders
        counts = page.inbox.total_count, page.inbox.unread_count
        if counts != (folders.total, folders.unread):
            raise Unsound(f"{counts} in the database, not {folders.total}, {folders.unread}")
        if not folders.has_order:
            return
        rows = [
            (row.id, row.title, row.message, row.type, row.data, row.read, row.pinned)
            for row in page.notifications
        ]
        keys = ("id", "title", "message", "type", "data", "read", "pinned")
        known = [tuple(row.get(key, False) for key in keys) for row in folders.rows.values()][::-1]
        size = min(len(rows), len(known))
        if rows[:size] != known[:size]:
            raise Unsound(f"{rows} in the database, not {known}")


def _encoded(sent: Sent) -> bytes:
    if isinstance(sent.data, bytes):
        return encoded(Frame(BINARY, sent.data))
    return encoded(Frame(TEXT, sent.data.encode()))


def _code(frame: Frame) -> Any:
    return int.from_bytes(frame.payload[:2]) if frame.opcode == CLOSE else None
