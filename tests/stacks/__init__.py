"""The servers that the tests run against, started privately and stopped again."""
