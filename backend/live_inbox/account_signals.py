"""Rings the doorbell when an account changes, so that every process closes sockets that have lost access at once.

Users are deleted and deactivated; they sign out, and get other passwords, which end their sessions. After any change of
a user or of what is revoked, this process checks the accounts of all tokens again.

A change behind Django's back, by SQL or by `update`, sends no signal. The periodic check of open sockets finds it,
within SESSION_CHECK_SECONDS.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db import transaction
from django.db.models import Model
from django.db.models.signals import post_delete, post_save

from live_inbox import database, metrics
from live_inbox.apps import doorbell
from live_inbox.clock import clock
from live_inbox.faults import RecurringFault
from live_inbox.identity.admissions import SIGNED_OUT
from live_inbox.identity.callers import recent_checks
from live_inbox.identity.sessions import note_sign_in
from live_inbox.models import TokenRevocation

_fault = RecurringFault("noting of sign-ins and sign-outs", metrics.SESSION_CHECK_FAULTS)


def connect() -> None:
    """Listen to the user model and its proxies: Django sends signals with the class of the instance."""
    for model in _user_models():
        name = f"live_inbox.{model._meta.label}"
        post_delete.connect(_on_deleted, sender=model, dispatch_uid=name)
        post_save.connect(_on_saved, sender=model, dispatch_uid=name)
    for signal in (post_save, post_delete):
        signal.connect(_on_revoked, sender=TokenRevocation, dispatch_uid="live_inbox")
    user_logged_in.connect(_on_signed_in, dispatch_uid="live_inbox")
    user_logged_out.connect(_on_signed_out, dispatch_uid="live_inbox")


def announce(user_id: Any, *, using: str | None = None) -> None:
    """Have every process call `Admissions.on_account_changed` with this key of a user, after the commit.

    The users of one deletion share a doorbell: there may be thousands.
    """
    using = using or database.alias()
    pending = reversed(transaction.get_connection(using).run_on_commit)
    last = next((entry[1] for entry in pending if entry[1] is not _check_all), None)
    if isinstance(last, _Announcement):
        last.user_ids.append(str(user_id))
    else:
        _call_on_commit(_Announcement(str(user_id)), using)


def _call_on_commit(call: Callable[[], object], using: str) -> None:
    connection = transaction.get_connection(using)
    if connection.in_atomic_block or connection.get_autocommit():
        transaction.on_commit(call, using=using, robust=True)
    else:
        # With autocommit off, Django lets a call wait only within a block. It comes when autocommit is on again.
        with transaction.atomic(using=using):
            transaction.on_commit(call, using=using, robust=True)


class _Announcement:
    """Rings for the users of a transaction when it has been committed."""

    def __init__(self, user_id: str) -> None:
        self.user_ids = [user_id]
        # Django logs it if the call fails.
        self.__qualname__ = type(self).__qualname__

    def __call__(self) -> None:
        _check_all()
        doorbell().ring_empty(self.user_ids)


def _check_all() -> None:
    recent_checks().forget()


def _check_all_on_commit(using: str) -> None:
    """Check all accounts again: from the commit on, and until then for whoever sees the change already."""
    _check_all()
    pending = transaction.get_connection(using).run_on_commit
    if not (pending and pending[-1][1] is _check_all):
        _call_on_commit(_check_all, using)


def _user_models() -> Iterator[type[Model]]:
    concrete = get_user_model()._meta.concrete_model
    return (model for model in apps.get_models() if model._meta.concrete_model is concrete)


def _on_revoked(using: str, **kwargs: Any) -> None:
    _check_all_on_commit(using)


def _on_deleted(instance: Any, using: str, **kwargs: Any) -> None:
    _check_all()
    announce(instance.pk, using=using)


def _on_saved(
    instance: Any,
    created: bool,
    raw: bool,
    using: str,
    update_fields: Collection[str] | None,
    **kwargs: Any,
) -> None:
    if not created and not raw and _may_end_access(instance, update_fields):
        _check_all()
        announce(instance.pk, using=using)
    # Each sign-in saves that alone.
    elif update_fields is None or set(update_fields) != {"last_login"}:
        _check_all_on_commit(using)


def _on_signed_in(request: Any, **kwargs: Any) -> None:
    session = getattr(request, "session", None)
    if session is None:
        return
    try:
        moment = database.now().timestamp()
    except Exception as error:  # a sign-in may need no database, and must not fail without one
        _fault.report(error)
        moment = clock.time()
    note_sign_in(session, now=moment)


def _on_signed_out(user: Any, **kwargs: Any) -> None:
    if user is None:
        return
    try:
        announce(f"{SIGNED_OUT}{user.pk}")
    except Exception as error:  # a sign-out may need no database, and must not fail without one
        _fault.report(error)


def _may_end_access(user: Any, update_fields: Collection[str] | None) -> bool:
    """Whether a saved user may have lost access. Each sign-in saves the user, too, with `last_login` alone."""
    # What was there before is not known: an unusable password, and a hash that was assigned, leave no trace.
    has_new_password = update_fields is None or "password" in update_fields
    return has_new_password or not vars(user).get("is_active", True)
