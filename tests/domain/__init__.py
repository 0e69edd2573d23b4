"""Tests of backend/notifications."""
