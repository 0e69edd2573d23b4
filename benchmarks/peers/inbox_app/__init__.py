"""A minimal Django project with an inbox: what the peers of the works over HTTP serve, each by its own framework."""
