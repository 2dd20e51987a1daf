"""Speed, measured beside peers through public doors."""
