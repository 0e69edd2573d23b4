"""What both APIs can do, by one test body for both, over real sockets of a real server."""
