"""Delivery: how an event reaches every open device, in order and without a gap.

The database is the truth, the channel layer is only a doorbell. This package knows neither models nor APIs: it moves
entries of a log (anything with an inbox, an epoch and a sequence) from whoever committed them to the subscribers in
this process.
"""
