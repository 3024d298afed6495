"""The bearer token of other services that use our HTTP APIs: a shared secret."""

from __future__ import annotations

import hmac

from fastapi import Request
from pydantic import SecretStr

from convonet.web.refusals import Refused


class ServiceToken:
    """Accepts requests with the token, or none when no token is set; `setting` is the name of its setting."""

    def __init__(self, token: SecretStr | None, setting: str) -> None:
        self._token = token
        self._setting = setting

    def is_given(self, request: Request) -> bool:
        """Whether the request carries the token."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        wanted = self._token.get_secret_value() if self._token is not None else None
        same = wanted is not None and hmac.compare_digest(given.strip().encode(), wanted.encode())
        return same and scheme.lower() == "bearer"

    def require(self, request: Request) -> None:
        """FastAPI dependency. Raises `Refused` for a request without the token."""
        if self._token is None:
            raise Refused(503, "closed", f"This API is closed: its operator has not set {self._setting}.")
        if not self.is_given(request):
            raise Refused(
                401, "unauthorized", "A valid service token is needed.", headers={"WWW-Authenticate": "Bearer"}
            )
