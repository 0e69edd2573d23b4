"""What both doors can do, by one body for both, over real sockets of a real server."""
