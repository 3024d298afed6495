"""What is counted and measured while the product runs; docs/monitoring.md tells how to look at it."""
