"""The Agent Monitor for supervisors: live calls, the gauges of all components, and every turn of the last week."""
