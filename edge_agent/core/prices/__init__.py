"""What prices say: per measure, against their own past, elsewhere, and against what the merchant claims."""
