"""The database set-ups of adopters: routers, replicas, isolation levels, poolers."""
