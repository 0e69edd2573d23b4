"""Erasing what the inbox holds about a user.

A call that was interrupted is completed by the same call, and one that is repeated finds nothing. Within a transaction
of the caller's, all of it is one transaction, with all of its locks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from django.contrib.auth import get_user_model

from live_inbox import database
from live_inbox.personal_data.holdings import HOLDINGS, WITHOUT_NOTIFICATIONS
from live_inbox.personal_data.subject import DataSubject


@dataclass(frozen=True, slots=True)
class Erased:
    """How many rows of each holding were erased, or would be, and how many are left afterwards. None are left out.

    What is left was locked by others, or is to stay for a while: `HOLDINGS` says which, and why.
    """

    erased: Mapping[str, int]
    left: Mapping[str, int]
    account_deleted: bool = False


def count_held(subject: DataSubject) -> Erased:
    """Return how many rows of each holding an erasure concerns, without changing anything."""
    held = {holding.name: holding.count(subject) for holding in HOLDINGS}
    return Erased({}, _present(held))


def erase_user(
    subject: DataSubject, *, delete_sent: bool = False, delete_account: bool = False
) -> Erased:
    """Erase all of it; return what was erased, and what is left.

    What the user has sent to others stays with them, without its sender, or is deleted with `delete_sent`. With
    `delete_account`, the row of the user is deleted at the end as Django deletes it, with all that the project's tables
    have of it; raises what that raises.
    """
    erased = dict.fromkeys((holding.name for holding in HOLDINGS), 0)
    for holding in HOLDINGS:
        erase = holding.erase
        if delete_sent:
            erase = WITHOUT_NOTIFICATIONS.get(holding.name, erase)
        erased[holding.name] = _sum_of(erase, subject)
    account_deleted = delete_account and _delete_account(subject)
    left = {holding.name: holding.count(subject) for holding in HOLDINGS}
    return Erased(_present(erased), _present(left), account_deleted)


def _sum_of(erase: Callable[[DataSubject], Iterable[int]] | None, subject: DataSubject) -> int:
    return 0 if erase is None else sum(erase(subject))


@database.transactional
def _delete_account(subject: DataSubject) -> bool:
    user = database.queryset(get_user_model()).filter(pk=subject.key).first()
    if user is None:
        return False
    user.delete()
    return True


def _present(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}
