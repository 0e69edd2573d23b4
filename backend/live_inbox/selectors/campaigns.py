"""How many recipients of campaigns have seen and read them.

Sending keeps no index of campaigns, and reading no counts of them: both would cost what happens a thousand times more
often than this question. It is answered from the record of the chunks, by the keys of the notifications, and from a
sample of the chunks where they are many.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import F, Q

from live_inbox import database
from live_inbox.campaigns import sent_in
from live_inbox.models import READ, BulkSendChunk, Notification, rank

SAMPLE = 20
"""Chunks of one campaign whose notifications are looked at: 10,000 notifications at most."""

IS_SEEN = READ | Q(place__lte=F("recipient__live_inbox__seen_through"))
"""The condition of notifications that their recipients have seen; `place` is an alias of their rank."""


@dataclass(frozen=True, slots=True)
class Reception:
    """How many recipients have seen a campaign, and how many have read it. Who has deleted it is not among them.

    Where not all chunks were looked at, the numbers are estimated.
    """

    seen: int
    read: int
    is_exact: bool


def reception(*, campaign_id: int) -> Reception:
    """Return what has become of the notifications of a campaign. Makes three queries, whatever its size."""
    return receptions([campaign_id], sample=SAMPLE)[campaign_id]


@database.reading
def receptions(campaign_ids: Collection[int], *, sample: int) -> dict[int, Reception]:
    """Return what has become of the notifications of each campaign, from so many chunks of each; by three queries.

    SQLite takes 60 chunks in all.
    """
    sizes: dict[int, list[tuple[int, int]]] = defaultdict(list)
    chunks = database.queryset(BulkSendChunk).filter(bulk_send__in=campaign_ids, sent__gt=0)
    columns = ("bulk_send_id", "pk", "sent")
    for campaign_id, pk, sent in chunks.order_by("bulk_send", "number").values_list(*columns):
        sizes[campaign_id].append((pk, sent))
    samples = {campaign_id: _evenly(sizes[campaign_id], sample) for campaign_id in campaign_ids}
    states = _states([pk for chosen in samples.values() for pk, _ in chosen])
    return {each: _reception(sizes[each], samples[each], states[each]) for each in samples}


def _states(chunks: Collection[int]) -> Mapping[int, Sequence[bool]]:
    """Return for each campaign whether each notification of these chunks that is seen is read as well."""
    rows = database.queryset(BulkSendChunk).filter(pk__in=chunks)
    campaigns = {
        id: campaign_id
        for campaign_id, outcomes in rows.values_list("bulk_send_id", "outcomes")
        for id in sent_in(outcomes)
    }
    seen = database.queryset(Notification).alias(place=rank()).filter(IS_SEEN, pk__in=campaigns)
    found: dict[int, list[bool]] = defaultdict(list)
    for id, read_at in seen.order_by().values_list("pk", "read_at"):
        found[campaigns[id]].append(read_at is not None)
    return found


def _reception(
    sizes: Sequence[tuple[int, int]], sample: Sequence[tuple[int, int]], are_read: Sequence[bool]
) -> Reception:
    seen, read = len(are_read), sum(are_read)
    if len(sample) == len(sizes):
        return Reception(seen, read, is_exact=True)
    factor = sum(sent for _, sent in sizes) / sum(sent for _, sent in sample)
    return Reception(round(seen * factor), round(read * factor), is_exact=False)


def _evenly(sizes: Sequence[tuple[int, int]], count: int) -> Sequence[tuple[int, int]]:
    """Return so many of the chunks, evenly spread; all, if they are not more."""
    if len(sizes) <= count:
        return sizes
    return [sizes[place * len(sizes) // count] for place in range(count)]
