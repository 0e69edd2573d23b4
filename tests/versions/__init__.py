"""Runs tests with the lowest and the newest versions of what the package depends on: `make matrix`."""
