"""The files of docs/operating/deploy: what they say is true, and what can run here does."""
