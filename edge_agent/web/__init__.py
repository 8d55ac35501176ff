"""The household's pages, rendered on the server."""
