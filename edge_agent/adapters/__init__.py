"""One module for each outside thing that the hub touches."""
