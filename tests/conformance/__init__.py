"""The cases of Autobahn's WebSocket test suite, against real servers of the product over raw TCP."""
