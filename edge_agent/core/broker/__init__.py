"""The configuration of a home's broker: its settings, and who may do what."""
