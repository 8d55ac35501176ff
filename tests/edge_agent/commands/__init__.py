"""What a person asks of `restock-hub`."""
