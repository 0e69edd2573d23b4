"""The GraphQL door: the schema, and the HTTP and WebSocket transports that it is served on."""
