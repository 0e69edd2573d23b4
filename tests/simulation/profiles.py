"""The kinds of simulations, and those that the product does not pass yet."""

from __future__ import annotations

from tests.simulation.plan import Profile

PROFILES = {
    profile.name: profile
    for profile in (
        Profile("ordinary"),
        Profile(
            "lagging",
            {"database slow": 20, "prune": 30, "client leaves": 30, "restore under servers": 6},
        ),
        Profile("restored", {"restore": 2, "restore under servers": 2}),
        Profile("failover", {"fail over": 2}, has_careful_clients=True),
        Profile("forged", {"forge": 6}),
        Profile("copied", is_copied=True),
    )
}

UNSOLVED: dict[str, str] = {
    "failover": "a position does not say which event it is after, so a log that went on differently is not recognised",
    "forged": "doorbells are not authenticated",
    "copied": "the id of a deployment is copied with its database",
}
"""What the product does not promise yet. Each must fail: whoever solves one takes it out."""
