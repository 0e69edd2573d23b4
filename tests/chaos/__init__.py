"""Fault injection: every committed event must reach every device once and in order, or the device must get a reset."""
