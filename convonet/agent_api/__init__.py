"""The agent's HTTP API for other services: one turn per request, as one answer or as a stream."""
