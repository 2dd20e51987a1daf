"""Pages, tables and players: what people read and watch."""
