"""What a person asks of `restock-hub` beside running it: one module for each command or family of them."""
