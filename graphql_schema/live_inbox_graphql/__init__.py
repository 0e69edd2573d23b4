"""The GraphQL API: the schema, and the HTTP and WebSocket transports that serve it."""
