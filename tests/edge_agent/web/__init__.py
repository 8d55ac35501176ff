"""The household pages."""
