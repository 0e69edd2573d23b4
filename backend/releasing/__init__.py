"""Makes a release of a commit: `make release VERSION=0.2.0`. docs/releasing.md has the steps.

Nothing here publishes anything. What is built comes from a commit, never from the working tree, and the same commit
gives the same bytes.
"""
