"""How readings and people's words become what is left: one module for each class of signal, the shelf, and the sum."""
