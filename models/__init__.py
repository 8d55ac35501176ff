"""Part of Restock."""
