"""The desks of the call centre: the page at /call-center, its socket, and what it shows of a caller."""
