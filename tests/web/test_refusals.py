"""Error responses to invalid requests and for internal errors."""

from typing import Annotated

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel, StringConstraints

from convonet.web.refusals import add_refusal_handlers


class Body(BaseModel):
    guest_phone: Annotated[str, StringConstraints(pattern=r"^[0-9 ]+$")]


@pytest.fixture
async def client():
    app = FastAPI()
    add_refusal_handlers(app)

    @app.get("/crash")
    async def crash():
        raise RuntimeError("471182 is a secret")

    @app.post("/body")
    async def body(_: Body):
        return {}

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


async def test_an_internal_error_is_one_sentence_without_details(client):
    answer = await client.get("/crash")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "471182" not in answer.text
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_field_in_a_wrong_form_is_named_and_no_pattern_is_shown(client):
    answer = await client.post("/body", json={"guest_phone": "call me"})
    assert answer.status_code == 422
    assert answer.json()["message"] == "guest phone: is not written in a form that I can read."
