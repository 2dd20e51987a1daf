"""The working point: backgrounds that hold a brain at rest, by theory or measured."""
