"""The inbox run alone: settings from environment variables, the demo, the live page."""
