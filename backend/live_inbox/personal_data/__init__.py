"""Personal data: exports what the inbox holds about a user, and erases it (GDPR, articles 15, 17 and 20).

`holdings` is the one table of the places where a user may be named. Each place can be exported and erased. The data is
found in pages and erased in transactions of a bounded size. Whatever is interrupted is completed by the same call.
"""
