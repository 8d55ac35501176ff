"""The first run: its code, its steps, its words."""
