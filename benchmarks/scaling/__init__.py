"""From one process to ten million sockets: a simulation, the costs that it takes, and real runs to hold beside it."""
