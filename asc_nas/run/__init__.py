"""A run: its directory, its settings, its steps."""
