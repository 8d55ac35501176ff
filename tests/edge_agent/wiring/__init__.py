"""The composition root by parts."""
