from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import AbstractUser, Permission, User

from live_inbox import send_policy
from live_inbox.conf import InboxSettings
from live_inbox.errors import Forbidden
from live_inbox.send_policy import SEND_SCOPE, check_may_send, default_policy


def test_everybody_may_send_to_themselves(alice: User) -> None:
    assert default_policy(alice, str(alice.pk), frozenset())


def test_by_default_no_user_may_send_to_others(alice: User, bob: User) -> None:
    assert not default_policy(alice, str(bob.pk), frozenset())
    assert not default_policy(alice, str(bob.pk), frozenset({"notifications:read"}))
    assert not default_policy(alice, f"0{alice.pk}", frozenset())


def test_staff_without_the_permission_may_not_send_to_others(alice: User, bob: User) -> None:
    alice.is_staff = True
    assert not default_policy(alice, str(bob.pk), frozenset())
    alice.is_superuser = True
    assert default_policy(alice, str(bob.pk), frozenset())


@pytest.mark.parametrize("scope", ["notifications:read", "notifications:write", "notifications:x"])
def test_a_token_without_a_scope_for_it_sends_to_nobody(scope: str, alice: User, bob: User) -> None:
    alice.is_superuser = True
    for recipient in (alice, bob):
        with pytest.raises(Forbidden, match="lacks the scope notifications:send"):
            check_may_send(alice, recipient_id=str(recipient.pk), scopes=frozenset({scope}))


def test_the_scope_to_send_reaches_whom_the_user_may_reach(alice: User, bob: User) -> None:
    scopes = frozenset({"notifications:send"})
    check_may_send(alice, recipient_id=str(alice.pk), scopes=scopes)
    with pytest.raises(Forbidden):
        check_may_send(alice, recipient_id=str(bob.pk), scopes=scopes)
    alice.is_superuser = True
    check_may_send(alice, recipient_id=str(bob.pk), scopes=scopes)


def test_a_token_with_the_scope_may_send_to_everybody(alice: User, bob: User) -> None:
    assert SEND_SCOPE == "notifications:send-to-anyone"
    assert default_policy(alice, str(bob.pk), frozenset({"notifications:send-to-anyone"}))
    assert default_policy(alice, str(bob.pk), frozenset({"notifications:admin"}))


def test_who_has_the_permission_may_send_to_everybody(alice: User, bob: User) -> None:
    alice.user_permissions.add(Permission.objects.get(codename="send_notification"))
    fresh = User.objects.get(pk=alice.pk)
    assert default_policy(fresh, str(bob.pk), frozenset())


def test_a_caller_without_the_right_gets_an_error(alice: User, bob: User) -> None:
    check_may_send(alice, recipient_id=str(alice.pk))
    with pytest.raises(Forbidden) as caught:
        check_may_send(alice, recipient_id=str(bob.pk))
    assert caught.value.code == "FORBIDDEN"
    assert caught.value.message == "You may not send notifications to this user."


def nobody(caller: AbstractUser, recipient_id: str, scopes: frozenset[str]) -> bool:
    """A policy of one's own."""
    return caller.username == "root" and recipient_id == "9" and "s" in scopes


@pytest.fixture
def _own_policy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings = InboxSettings(send_policy=f"{__name__}.nobody")
    monkeypatch.setattr(send_policy, "inbox_settings", lambda: settings)
    yield
    send_policy._policy.cache_clear()


@pytest.mark.usefixtures("_own_policy")
def test_the_policy_can_be_replaced() -> None:
    check_may_send(User(username="root"), recipient_id="9", scopes=frozenset({"s"}))
    for name, recipient, scopes in (("a", "9", {"s"}), ("root", "8", {"s"}), ("root", "9", set())):
        with pytest.raises(Forbidden):
            check_may_send(User(username=name), recipient_id=recipient, scopes=frozenset(scopes))
