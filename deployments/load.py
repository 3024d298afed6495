"""How much the HTTP service of this process has to do: its application counts, its replica tells the monitor."""

from functools import cache

from fastapi import FastAPI

from convonet.web.load import Load, LoadCounter


@cache
def load() -> Load:
    """The counts of this process."""
    return Load()


def counted(app: FastAPI) -> FastAPI:
    """The application, which counts its requests from now on."""
    app.add_middleware(LoadCounter, load=load())
    return app
