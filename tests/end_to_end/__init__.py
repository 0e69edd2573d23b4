"""The promise, with real servers in processes of their own, which get killed."""
