"""The load of this process's HTTP service: the application counts requests, and the replica reports the counts."""

from functools import cache

from fastapi import FastAPI

from convonet.web.load import Load, LoadCounter


@cache
def load() -> Load:
    """Return the counts of this process."""
    return Load()


def counted(app: FastAPI) -> FastAPI:
    """Let the application count its requests; return it."""
    app.add_middleware(LoadCounter, load=load())
    return app
