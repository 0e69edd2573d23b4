"""Everything that relies on internals of uvicorn, Strawberry and graphql-core, and nothing else.

| module | relies on | when the internal has moved |
|---|---|---|
| `uvicorn_sockets`, `uvicorn_waiting` | uvicorn's `WebSocketsSansIOProtocol` | uvicorn's own class serves the sockets |
| `graphql_execution` | graphql-core's `Executor`, `collect_fields` | graphql-core executes every subscription |
| `strawberry_schema` | private attributes of Strawberry's `Schema` and `ExecutionContext` | the import fails: a test \
of each release finds it |

Each module names its reason, what it relies on and the tested versions. The first two are optimisations: when they
cannot be imported (ImportError or AttributeError), one warning is logged and the product works without them, as it
does with the setting FAST_PATH off. No other module imports these names.
"""
