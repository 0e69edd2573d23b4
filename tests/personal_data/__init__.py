"""What the inbox holds about a user: exported and erased."""
