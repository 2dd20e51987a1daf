"""Bodies: mechanics and spinal circuits that know no neurons; `tasks` joins them to brains."""
