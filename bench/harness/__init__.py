"""What the comparison is made of: callers, their clock, the meter of a server's processes, and the table."""
