"""Faults on purpose: whether every committed event reaches every device once and in order, or the device is told."""
