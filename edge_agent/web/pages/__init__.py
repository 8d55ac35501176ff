"""One module for each page, named after it; the address and the rule of each stand in `web.routes`."""
