"""The servers that are measured: the product, and what users would run instead."""
