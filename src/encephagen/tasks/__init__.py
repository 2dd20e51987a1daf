"""What a brain is asked to do: the only layer that joins a session with a body or a stimulus."""
