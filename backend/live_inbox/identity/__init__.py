"""Authentication: tokens, the accounts that they name, and the sockets opened with them."""
