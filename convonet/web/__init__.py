"""What our HTTP services share: one shape of refusal, strict headers, and pages."""
