"""Rate limits. The callers decide what is counted and how a request over the limit is refused."""
