"""A real-time notification inbox for Django: ordered, gap-free and resumable on every device."""

from __future__ import annotations

__version__ = "0.1.0"
