"""One encoder for each family of appliance, written from the documents that it cites."""
