"""Which notifications a list has: filters, and the statements for the rows. For selectors and for bulk changes."""
