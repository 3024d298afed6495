"""Parts that all our HTTP services share: refusals in one shape, strict headers, pages."""
