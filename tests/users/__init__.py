"""The inbox in projects with other user models. Each project runs in a process of its own."""
