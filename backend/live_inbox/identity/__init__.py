"""Who is calling: tokens, the accounts behind them, and the sockets they keep open."""
