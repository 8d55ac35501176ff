"""The pages of the first run: an application of its own, which ends when there is a home."""
