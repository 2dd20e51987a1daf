"""The studies, one a file, found by their file names; none imports another."""
