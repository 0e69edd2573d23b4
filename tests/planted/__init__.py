"""Mutation testing: bugs that are planted on purpose, each with the tests that have to catch it (`make prove`)."""
