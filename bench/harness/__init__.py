"""Parts of the comparison: callers, their clock, the meter of a server's processes, and the table."""
