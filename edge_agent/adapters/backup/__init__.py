"""A backup: what is in it, how it is sealed, how it is put back."""
