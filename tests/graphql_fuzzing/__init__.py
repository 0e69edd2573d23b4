"""Generated GraphQL requests and socket messages against a real server."""
