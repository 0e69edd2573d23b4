"""Generated input for every door of a real server: each module `*_door.py` has one, `doors.py` lists them."""
