"""The metrics of the running product; docs/monitoring.md explains how to view them."""
