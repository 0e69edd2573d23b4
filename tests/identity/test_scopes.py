"""The rights that scopes give."""

from __future__ import annotations

import pytest

from live_inbox.errors import Forbidden
from live_inbox.identity.scopes import Right, allows, may_send_to_anyone, require

pytestmark = pytest.mark.stack("embedded")

READ, WRITE, SEND, ANYONE = Right.READ, Right.WRITE, Right.SEND, Right.SEND_TO_ANYONE


@pytest.mark.parametrize(
    ("scopes", "rights", "to_anyone"),
    [
        ((), {READ, WRITE, SEND}, False),
        (("openid", "profile"), {READ, WRITE, SEND}, False),
        (("openid", READ), {READ}, False),
        ((WRITE,), {READ, WRITE}, False),
        ((SEND,), {SEND}, False),
        ((ANYONE,), {SEND}, True),
        ((READ, WRITE), {READ, WRITE}, False),
        (("notifications:admin",), {READ, WRITE, SEND}, True),
        (("notifications:",), set(), False),
        (("notifications:raed",), set(), False),
        (("Notifications:read",), set(), False),
        (("api://notifications:read",), set(), False),
        (("openid,notifications:read",), set(), False),
    ],
)
def test_rights(scopes: tuple[str, ...], rights: set[Right], to_anyone: bool) -> None:
    """A token of the original clients has no scopes, and all rights of its user."""
    assert {right for right in (READ, WRITE, SEND) if allows(scopes, right)} == rights
    assert may_send_to_anyone(scopes) == to_anyone


def test_the_error_names_the_scope() -> None:
    require((READ,), READ)
    with pytest.raises(Forbidden, match=r"lacks the scope notifications:write\."):
        require((READ,), WRITE)
