"""Load of this process's HTTP service: its application counts the requests, and its replica reports them."""

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
