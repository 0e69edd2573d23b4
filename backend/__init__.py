"""The product: delivery, domain, identity, doors, and how they are put together."""
