"""Deterministic simulation: the real delivery code on virtual time, with a simulated database, network and clients.

One seed decides everything: what happens when, every delay, and which message is lost. `python -m tests.simulation`
runs thousands of seeds in a minute. See docs/delivery.md, "What is proven, and how".
"""
