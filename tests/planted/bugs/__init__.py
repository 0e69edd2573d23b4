"""The planted bugs, by the part of the product that they break.

Texts are short, so that they fit after most changes. `make test` fails when one no longer does; then bring it up to
date, and see that `make prove ARGS=<its name>` still finds it.
"""

from tests.planted.bugs import (
    access,
    accounts,
    campaigns,
    delivery,
    documents,
    encoding,
    feed,
    folders,
    log,
    quotas,
    reading,
    requests,
    secrets,
    sent,
    streams,
    tickets,
    tokens,
    webhooks,
    writing,
)
from tests.planted.planted_bug import PlantedBug

BUGS: tuple[PlantedBug, ...] = (
    *delivery.BUGS,
    *log.BUGS,
    *feed.BUGS,
    *streams.BUGS,
    *encoding.BUGS,
    *folders.BUGS,
    *writing.BUGS,
    *campaigns.BUGS,
    *reading.BUGS,
    *accounts.BUGS,
    *tokens.BUGS,
    *tickets.BUGS,
    *access.BUGS,
    *documents.BUGS,
    *quotas.BUGS,
    *requests.BUGS,
    *secrets.BUGS,
    *sent.BUGS,
    *webhooks.BUGS,
)
"""All of them, each with a name of its own."""
