"""What `encephagen bench` measures, one subject a file."""
