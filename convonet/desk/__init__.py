"""The desks of the call center: the page at /call-center, its socket, and the facts it shows about a caller."""
