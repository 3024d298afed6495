"""Staff: accounts, login, and the sessions of pages that require a login."""
