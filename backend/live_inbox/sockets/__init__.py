"""The WebSocket transport that both APIs share: the session of a socket, and how messages are written to it."""
