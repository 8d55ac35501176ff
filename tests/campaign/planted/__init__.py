"""One module for each seeded bug, each with a context manager `planted()` that switches it on in this process."""
