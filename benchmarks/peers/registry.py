"""All peers, by name."""

from __future__ import annotations

from pathlib import Path

from benchmarks.checkout import Checkout
from benchmarks.peers.channels_peers import (
    ChannelsJSON,
    ChannelsJSONPubSub,
    StrawberryDaphne,
    StrawberryPubSub,
    StrawberryTuned,
    StrawberryUvicorn,
)
from benchmarks.peers.django_peers import (
    DjangoNinja,
    DjangoRESTFramework,
    StrawberryAsync,
    StrawberryOptimized,
    StrawberryPages,
    StrawberrySync,
)
from benchmarks.peers.floor import Floor
from benchmarks.peers.nchan import Nchan
from benchmarks.peers.node_inbox_peers import Mercurius, YogaInbox, YogaPages
from benchmarks.peers.node_peers import NodeGraphQLWS, NodeYoga, SocketIO
from benchmarks.peers.peer import Peer
from benchmarks.peers.product import Product, ProductJSON, ProductPrepared, ProductSQLite

ALL: tuple[type[Peer], ...] = (
    Product,
    ProductJSON,
    StrawberryDaphne,
    StrawberryUvicorn,
    StrawberryPubSub,
    StrawberryTuned,
    ChannelsJSON,
    ChannelsJSONPubSub,
    NodeGraphQLWS,
    NodeYoga,
    SocketIO,
    Nchan,
    ProductSQLite,
    ProductPrepared,
    StrawberryAsync,
    StrawberrySync,
    StrawberryOptimized,
    DjangoRESTFramework,
    DjangoNinja,
    YogaInbox,
    Mercurius,
    StrawberryPages,
    YogaPages,
    Floor,
)
QUICK = ("product", "product-json", "strawberry-uvicorn", "node-graphql-ws", "nchan")


def peers(earlier: Path | None = None) -> dict[str, type[Peer]]:
    """Return the peers; with another checkout of the product, that one as well: `earlier`, `earlier-json`, ..."""
    found: dict[str, type[Peer]] = {peer.name: peer for peer in ALL}
    if earlier is not None:
        for base in (Product, ProductJSON, ProductSQLite):
            name = base.name.replace("product", "earlier")
            title = base.title.replace("this product", "the other checkout")
            body = {"name": name, "title": title, "checkout": Checkout(earlier.resolve())}
            found[name] = type(f"Earlier{base.__name__}", (base,), body)
    return found
