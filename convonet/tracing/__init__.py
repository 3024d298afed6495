"""Traces: what each turn went through, across all our processes, for a collector that speaks OpenTelemetry."""
