"""What both doors share of WebSockets: how messages reach a socket, and the server's protocol class."""
