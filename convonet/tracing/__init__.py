"""OpenTelemetry traces of each turn across all our processes."""
