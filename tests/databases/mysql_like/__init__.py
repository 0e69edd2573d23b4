"""A database backend that calls itself MySQL, whose driver the tests do not have."""
