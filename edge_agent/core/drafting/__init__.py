"""A first draft of a profile from a sample payload."""
