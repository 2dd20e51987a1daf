"""The CPU engine: a network laid out for one machine's cores, and compiled code that runs it."""
