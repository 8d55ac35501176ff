"""The contract of merchants."""
