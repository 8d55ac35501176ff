"""The composition root by parts: which adapter fulfils which port, one module for each idea."""
