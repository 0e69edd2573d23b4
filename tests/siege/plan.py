"""What an attacker needs to know, as it is passed to its process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the site under siege, a token of theirs, and the ids of some of their notifications."""

    user_id: int
    token: str
    notifications: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """One attack on one server. `scale` is 1 for the real one, less for as many times fewer clients."""

    attack: str
    port: int
    addresses: Sequence[str]
    account: Account
    neighbour: int
    """The user whom the attacker sends to, by the token of a service."""
    service_token: str
    database_url: str
    scale: float = 1.0

    def to_json(self) -> str:
        """Return it as the command line carries it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read it again."""
        values = json.loads(text)
        return cls(**values | {"account": Account(**values["account"])})
