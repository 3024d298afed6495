"""The agent over HTTP, for services that have its token: one turn at a time, as one answer or as a stream."""
