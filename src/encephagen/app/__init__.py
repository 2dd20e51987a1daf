"""The command line and the demo: the only layer that prints."""
