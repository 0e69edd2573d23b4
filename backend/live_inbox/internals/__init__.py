"""All that relies on internals of uvicorn, Strawberry, graphql-core, redis-py, channels-redis, Django and Python.

| module | relies on | when the internal has moved |
|---|---|---|
| `uvicorn_sockets`, `uvicorn_frames`, `uvicorn_waiting` | uvicorn's `WebSocketsSansIOProtocol`, websockets' \
`ServerProtocol` | uvicorn's own class serves the sockets, without limits of frames |
| `uvicorn_requests`, `uvicorn_header_writes`, `uvicorn_streams` | uvicorn's `HttpToolsProtocol` | uvicorn's own \
class serves requests, without their limits |
| `cookie_unquoting` | Python's `http.cookies` | Python's own function reads cookies |
| `prepared_queries` | the compiler of Django's ORM | the ORM composes each query anew |
| `psycopg_rows` | Django's backend for PostgreSQL, psycopg's cursor | lists are read as text |
| `graphql_execution` | graphql-core's `Executor`, `collect_fields` | graphql-core executes every subscription |
| `redis_parser` | redis-py's parsers, and the option `parser_class` | channels-redis reads doorbells one by one |
| `redis_subscribing` | private attributes of channels-redis' connections | groups are joined one by one |
| `strawberry_schema` | private attributes of Strawberry's `Schema` and `ExecutionContext` | \
graphql-core executes every subscription |

Each module names its reason, what it relies on and the tested versions. When an internal is missing, one warning is
logged and the product works without it: more slowly, or without some limits. The setting FAST_PATH turns off those of
uvicorn and graphql-core. No other module imports these names.
"""
