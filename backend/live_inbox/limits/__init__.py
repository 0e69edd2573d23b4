"""How much a caller may do in a time. What is counted, and how it is refused, is for others."""
