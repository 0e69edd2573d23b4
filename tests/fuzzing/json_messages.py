"""Messages of the JSON API, right and wrong, as the text that is sent; and what the documentation says of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from random import Random
from typing import Any, NoReturn

from tests.fuzzing.json_bulk import BULK_SENDS, bulk_pairs
from tests.fuzzing.json_change_messages import (
    ACTIONS_OF_CONTENT,
    CHANGES,
    change_pairs,
    filter_pairs,
)
from tests.fuzzing.json_sent import SENT_ACTIONS, sent_pairs
from tests.fuzzing.json_settings import SETTINGS, setting_pairs

MAX_BYTES = 65_536
MAX_DEPTH = 64

VALUES = (
    *("null", "true", "false", "0", "1", "2", "-1", "-0", "1.0", "1.5", "1e3", "1e999", "1e-999"),
    *(
        "NaN",
        "Infinity",
        "-Infinity",
        "9223372036854775807",
        "9223372036854775808",
        "1" + "0" * 400,
    ),
    *("9" * 5000, "01", "+1", ".5", '""', '" "', '"1"', '"0"', '"01"', '"-1"', '"1.0"', '"1e3"'),
    *('"٣"', '"²"', '"99999999999999999999"', '"x"', '"é"', '"\\ud800"', '"\\udc00\\ud800"'),
    *('"\\ud83d\\ude00"', '"\\u0000"', '"\\uffff"', '"\x7f"', '"\\x"', '"tab\there"', "'x'"),
    *("[]", "{}", "[1]", '{"a":1}', '{"a":NaN}', '{"a":1e999}', '{"a":1,"a":2}', '{"":{}}'),
    *('{"a":"\\u0000"}', '{"\\ud800":1}', '{"a":9223372036854775808}', "[" * 70 + "]" * 70),
    *(
        '{"a":' * 40 + "1" + "}" * 40,
        '{"a":' * 31 + "1" + "}" * 31,
        "[" * 5000,
        "[" * 40 + "]" * 40,
    ),
    *('"' + "x" * size + '"' for size in (64, 65, 128, 200, 201, 255, 256, 2000, 2001, 4000, 4001)),
    *('{"a":"' + "x" * 20_000 + '"}', '"' + "x" * 66_000 + '"', '"' + "é" * 33_000 + '"'),
    *('"mark_read"', '"send_notification"', '"2124-01-01"', '"2124-01-01T00:00:00"', '"now"'),
    *('"0001-01-01T00:00:00+23:59"', '"9999-12-31T23:59:59-23:59"', '"2000-01-01T00:00:00Z"'),
    *('"javascript:alert(1)"', '"//x"', '"/\\\\x"', '"http://"', '"http://[x"', "/*x*/1", "1,", ""),
)
GOOD: dict[str, tuple[str, ...]] = {
    "title": ('"T"', '"é"', '"\\ud83d\\ude00"', '"' + "x" * 200 + '"', '"<b>"'),
    "message": ('"M"', '""', "null", '"' + "x" * 4000 + '"', '"\\u2028\\n\\t"'),
    "notification_type": ('"approval"', '"a.b-c_D"', "null", '"mark_read"', '"' + "x" * 64 + '"'),
    "data": ("{}", "null", '{"item":5}', '{"a":[1,2.5,null,true,"é",{"b":{}}]}', '{"":"\\u2028"}'),
    "link": ("null", '""', '"/some/url"', '"https://example.org/x?y=1#z"'),
    "actions": ("null", "[]", ACTIONS_OF_CONTENT),
    "group_key": ("null", *('"post 7"',) * 3, '"Größe"'),
    "expires_at": ("null", '"2124-01-01T00:00:00Z"', '"2124-01-01T00:00:00.5+02:00"'),
}
ACTIONS = (
    *("send_notification", "get_notifications", "mark_read", "mark_unread", "mark_all_read"),
    *("delete_notification", "ping", "refresh_token"),
    *CHANGES,
    *SETTINGS,
    *SENT_ACTIONS,
    *BULK_SENDS,
)
GARBAGE = (
    *("", " ", "{", "}", "null", "[]", "1", '"x"', "{}", "[{}]", "\ufeff{}", "\x00", "{'a':1}"),
    *('{"type":"ping"}x', '{"type":"ping"', '{"type":"ping",}', '{"type":"ping"}{"type":"ping"}'),
    *(
        '{"type":null}',
        '{"type":5}',
        '{"type":["ping"]}',
        '{"type":{"type":"ping"}}',
        '{"Type":"ping"}',
    ),
    *('{"type":"ping","type":"ping"}', '{"type":"mark_read","type":"x","notification_id":1}'),
    *(
        '{"type":"heartbeat"}',
        '{"type":"PING"}',
        '{"type":"notification"}',
        '{"type":"\\u0070ing"}',
    ),
    *('{"type":"' + "x" * 70_000 + '"}', " " * 70_000, "[" * 3000, '{"type":"ping","x":"\\ud800"}'),
)


@dataclass
class Sent:
    """A message: its text or bytes, and what is known of it."""

    data: str | bytes
    is_good: bool = False
    """Whether nothing is wrong with its values; whether what it names exists is another question."""
    is_accepted: bool | None = None
    """Of a token: whether it may be used here."""


class Messages:
    """Draws messages. `ids` are the notifications that the client has seen, `undo_tokens` what it may undo."""

    def __init__(
        self, random: Random, *, user_id: int, other_id: int, tokens: dict[str, bool]
    ) -> None:
        self._random = random
        self._user_ids = (str(user_id), f'"{user_id}"')
        self._other_id = str(other_id)
        self._tokens = tokens
        self.ids: list[int] = []
        self.undo_tokens: list[str] = []

    def draw(self) -> Sent:
        """Return a message, mostly right or nearly so."""
        draw = self._random.random()
        if draw < 0.04:
            return Sent(self._random.choice(GARBAGE))
        if draw < 0.05:
            return Sent(self._random.randbytes(self._random.choice((0, 1, 100))))
        # Enough to be changed, and what was changed is undone.
        more = ("send_notification",) * 4 + ("undo",) * (4 if self.undo_tokens else 0)
        action = self._random.choice((*ACTIONS, *more))
        if action == "refresh_token":
            return self._refresh()
        fields, is_good = self._fields(action)
        pairs = [("type", json.dumps(action)), *fields]
        if self._random.random() < 0.12:
            is_good = False
            self._spoil(pairs)
        if self._random.random() < 0.1:
            self._random.shuffle(pairs)
            is_good = is_good and [key for key, _ in pairs].count("type") == 1
        return Sent("{" + ",".join(f'"{key}":{value}' for key, value in pairs) + "}", is_good)

    def _fields(self, action: str) -> tuple[list[tuple[str, str]], bool]:
        if action == "send_notification":
            return self._content()
        if action == "get_notifications":
            fields = []
            if self._random.random() < 0.5:
                fields.append(
                    ("limit", self._random.choice(("1", "2", '"5"', "100", "null", "1000")))
                )
            if self._random.random() < 0.3:
                fields.append(("before_id", self._id()))
            elif self._random.random() < 0.3:
                fields += filter_pairs(self._random)
            return fields, True
        if action == "ping":
            return [], True
        if action in SETTINGS:
            return setting_pairs(self._random, action), True
        if action in BULK_SENDS:
            return self._bulk(action)
        if action in SENT_ACTIONS:
            return sent_pairs(self._random, action, self._id()), True
        if action == "mark_all_read":
            return filter_pairs(self._random), True
        fields = change_pairs(self._random, action, self._id(), self.undo_tokens)
        if action == "delete_notification" and self._random.random() < 0.3:
            fields.append(("undoable", self._random.choice(("true", "false", "null"))))
        return fields, True

    def _id(self) -> str:
        if not self.ids or self._random.random() < 0.1:
            return self._random.choice(("1", "999999999", '"9223372036854775807"'))
        id = str(self._random.choice(self.ids))
        return self._random.choice((id, id, f'"{id}"'))

    def _content(self) -> tuple[list[tuple[str, str]], bool]:
        is_other = self._random.random() < 0.1
        fields = [("user_id", self._other_id if is_other else self._random.choice(self._user_ids))]
        fields += self._good_content()
        is_good = not is_other
        if self._random.random() < 0.1:
            fields.append(("type", self._random.choice(('"approval"', '"general"'))))
        if self._random.random() < 0.15:
            fields.append(("idempotency_key", f'"{self._random.choice("abc")}"'))
            is_good = False
        return fields, is_good

    def _good_content(self) -> list[tuple[str, str]]:
        fields = [("title", self._random.choice(GOOD["title"]))]
        for key in [each for each in GOOD if each != "title"]:
            if self._random.random() < 0.4:
                fields.append((key, self._random.choice(GOOD[key])))
        return fields

    def _bulk(self, action: str) -> tuple[list[tuple[str, str]], bool]:
        content = self._good_content()
        user_id, other_id = self._user_ids[0], self._other_id
        pairs = bulk_pairs(self._random, action, content, user_id=user_id, other_id=other_id)
        return pairs, True

    def _refresh(self) -> Sent:
        draw = self._random.random()
        if draw < 0.7:
            token = self._random.choice(list(self._tokens))
            text = json.dumps({"type": "refresh_token", "token": token})
            return Sent(text, is_accepted=self._tokens[token])
        value = self._random.choice([each for each in VALUES if "\\ud" not in each])
        text = '{"type":"refresh_token","token":' + value + "}"
        return Sent(text, is_accepted=False)

    def _spoil(self, pairs: list[tuple[str, str]]) -> None:
        """Put a wrong value, key or repetition somewhere."""
        at = self._random.randrange(len(pairs))
        key, _ = pairs[at]
        value = self._random.choice(VALUES)
        match self._random.randrange(4):
            case 0:
                pairs[at] = (key, value)
            case 1:
                pairs.insert(self._random.randrange(len(pairs) + 1), (key, value))
            case 2:
                del pairs[at]
            case _:
                more = (
                    "limit",
                    "before_id",
                    "notification_id",
                    "user_id",
                    "data",
                    "x",
                    "token",
                    "link",
                    *(
                        "folder",
                        "types",
                        "seen",
                        "text",
                        "undoable",
                        "until",
                        "undo_token",
                        "action_id",
                        "enabled",
                        "idempotency_key",
                        "priority",
                        "topic",
                        "user_ids",
                        "user_refs",
                        "everybody",
                        "segment",
                        "campaign_id",
                        "channel",
                    ),
                )
                pairs.append((self._random.choice(more), value))


# -- what the documentation says --------------------------------------------------------------------------


def meaning(data: str | bytes) -> tuple[str, dict[str, Any]]:
    """Return the action and its fields; for a fault, its code and nothing."""
    if isinstance(data, bytes):
        return "BINARY_MESSAGE", {}
    if len(data.encode()) > MAX_BYTES:
        return "MESSAGE_TOO_LARGE", {}
    pairs: list[list[tuple[str, Any]]] = [[]]

    def keep(found: list[tuple[str, Any]]) -> dict[str, Any]:
        pairs[0] = found
        return dict(found)

    try:
        value = json.loads(data, object_pairs_hook=keep, parse_constant=_refuse)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return "INVALID_JSON", {}
    if _depth(value) > MAX_DEPTH:
        return "INVALID_JSON", {}
    if not isinstance(value, dict):
        return "INVALID_MESSAGE", {}
    types = [each for key, each in pairs[0] if key == "type"]
    if not types or not isinstance(types[0], str):
        return "INVALID_MESSAGE", {}
    if len(types) > 1 and types[0] != "send_notification":
        return "INVALID_MESSAGE", {}
    if types[0] in ACTIONS:
        return types[0], value
    is_send = value.keys() >= {"user_id", "title", "message"}
    return ("send_notification" if is_send else "UNKNOWN_TYPE"), value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _depth(value: object) -> int:
    layer, depth = [value], 0
    while layer:
        depth += 1
        layer = [
            child
            for each in layer
            for child in (
                each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
            )
        ]
    return depth
