"""The bridge's rules: pure."""
