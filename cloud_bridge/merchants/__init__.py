"""Connectors, one merchant protocol each, all behind `ports.Merchant` and its contract suite."""
