"""Tests of backend/delivery."""
