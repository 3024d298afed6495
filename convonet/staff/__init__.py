"""The people who work with the product: their accounts, their login, and what pages behind it require."""
