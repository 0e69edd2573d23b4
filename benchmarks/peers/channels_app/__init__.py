"""A minimal Django project of the kind that the documentation of Channels and of Strawberry shows."""
