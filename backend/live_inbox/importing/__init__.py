"""Import: puts the notifications of another system into inboxes, with their old times and read states.

A source (`hq`, `guide`, `text_files`) yields pages of rows, `preparing` validates them, `writing` stores a page in one
transaction, and `running` does this for all pages. Each row has an idempotency key, so an import that was interrupted
runs again from the start, and stores each row once.
"""
