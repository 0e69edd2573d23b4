"""Floods a real server, and measures what another user notices (`make siege`)."""
