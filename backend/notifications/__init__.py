"""The domain: inboxes, their notifications and their logs.

`services` are the only writers of the models and `selectors` the only readers; `feed` is the iterator of events
that both doors subscribe to.
"""
