"""The acts of the pages for programs: JSON over HTTP, by a token of one client. Rules are those of the pages."""
