"""What lists cost with every filter, in inboxes of any size: short within the tests, a million by a command."""
