"""The doors of the server that are fuzzed, by name."""

from __future__ import annotations

from tests.fuzzing.door import Door
from tests.fuzzing.event_streams_door import EventStreamsDoor
from tests.fuzzing.frames_door import FramesDoor
from tests.fuzzing.graphql_requests_door import GraphQLRequestsDoor
from tests.fuzzing.graphql_sockets_door import GraphQLTransportWsDoor, GraphQLWsDoor
from tests.fuzzing.http_door import HttpDoor
from tests.fuzzing.json_door import JsonDoor
from tests.fuzzing.queries_door import QueriesDoor

DOORS: dict[str, type[Door]] = {
    each.name: each
    for each in (
        GraphQLRequestsDoor,
        GraphQLTransportWsDoor,
        GraphQLWsDoor,
        EventStreamsDoor,
        HttpDoor,
        QueriesDoor,
        FramesDoor,
        JsonDoor,
    )
}
