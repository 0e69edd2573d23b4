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
        Profile("failover", {"fail over": 2}),
        Profile("forged", {"forge": 6}),
        Profile("copied", is_copied=True),
    )
}
