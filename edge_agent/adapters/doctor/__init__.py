"""What `restock-hub doctor` looks at, one module for each outside thing. They look, and change nothing."""
