"""How many recipients of a campaign have seen and read it.

Sending keeps no index of campaigns, and reading no counts of them: both would cost what happens a thousand times more
often than this question. It is answered from the record of the chunks, by the keys of the notifications, and from a
sample of the chunks where they are many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, F, Q

from live_inbox import database
from live_inbox.campaigns import sent_in
from live_inbox.models import READ, BulkSendChunk, Notification, rank

SAMPLE = 20
"""Chunks whose notifications are looked at: 10,000 at most."""


@dataclass(frozen=True, slots=True)
class Reception:
    """How many recipients have seen a campaign, and how many have read it. Who has deleted it is not among them.

    Beyond 10,000 recipients, the numbers are estimated.
    """

    seen: int
    read: int
    is_exact: bool


@database.reading
def reception(*, campaign_id: int) -> Reception:
    """Return what has become of the notifications of a campaign. Makes three queries, whatever its size."""
    chunks = database.queryset(BulkSendChunk).filter(bulk_send=campaign_id, sent__gt=0)
    sizes = list(chunks.order_by("number").values_list("pk", "sent"))
    sample = _evenly(sizes)
    rows = database.queryset(BulkSendChunk).filter(pk__in=[pk for pk, _ in sample])
    ids = [id for outcomes in rows.values_list("outcomes", flat=True) for id in sent_in(outcomes)]
    is_seen = READ | Q(place__lte=F("recipient__live_inbox__seen_through"))
    found = (
        database.queryset(Notification)
        .filter(pk__in=ids)
        .alias(place=rank())
        .aggregate(seen=Count("pk", filter=is_seen), read=Count("pk", filter=READ))
    )
    if len(sample) == len(sizes):
        return Reception(found["seen"], found["read"], is_exact=True)
    factor = sum(sent for _, sent in sizes) / sum(sent for _, sent in sample)
    return Reception(round(found["seen"] * factor), round(found["read"] * factor), is_exact=False)


def _evenly(sizes: Sequence[tuple[int, int]]) -> Sequence[tuple[int, int]]:
    """Return SAMPLE of the chunks, evenly spread; all, if they are not more."""
    if len(sizes) <= SAMPLE:
        return sizes
    return [sizes[place * len(sizes) // SAMPLE] for place in range(SAMPLE)]
