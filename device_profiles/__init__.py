"""Data only: one YAML file for each appliance model, and the JSON Schema of the language."""
