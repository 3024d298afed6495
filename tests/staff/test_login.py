"""The login over HTTP: cookie, throttle, foreign pages, one-time links."""

import time

import jwt
import pytest

from convonet.staff.http import COOKIE
from convonet.staff.tokens import mint_link, mint_session
from tests.staff.conftest import PASSWORD


async def log_in(browser, password=PASSWORD, **options):
    return await browser.post("/staff/api/login", json={"username": "dora", "password": password}, **options)


async def test_after_login_the_page_opens_and_after_logout_it_does_not(browser, dora):
    assert (await browser.get("/secret")).status_code == 401
    answer = await log_in(browser)
    assert answer.json() == {"username": "dora", "display_name": "Dora Example", "role": "agent"}
    assert (await browser.get("/secret")).json() == "Dora Example"
    assert (await browser.get("/staff/api/me")).json()["username"] == "dora"
    kept = browser.cookies[COOKIE]
    assert (await browser.post("/staff/api/logout")).status_code == 204
    browser.cookies.set(COOKIE, kept, domain="desk.local")
    assert (await browser.get("/secret")).status_code == 401


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(browser, dora):
    header = (await log_in(browser)).headers["set-cookie"].lower()
    assert "httponly" in header
    assert "samesite=lax" in header
    assert "secure" not in header
    answer = await log_in(browser, headers={"Origin": "https://desk"}, extensions={})
    assert answer.status_code == 200


async def test_a_wrong_password_is_refused_and_soon_has_to_wait(browser, dora):
    statuses = [(await log_in(browser, "wrong password")).status_code for _ in range(4)]
    assert statuses[0] == 401
    assert statuses[-1] == 429
    waiting = await log_in(browser)
    assert waiting.status_code == 429
    assert int(waiting.headers["retry-after"]) >= 1


@pytest.mark.parametrize("path", ["/staff/api/login", "/staff/api/logout", "/change"])
async def test_a_foreign_page_changes_nothing(browser, dora, path):
    await log_in(browser)
    body = {"username": "dora", "password": PASSWORD}
    answer = await browser.post(path, json=body, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403
    assert (await browser.get("/secret")).status_code == 200


def _forged(dora, secret):
    claims = {"sub": str(dora.id), "aud": "convonet-staff", "exp": time.time() + 60, "began": time.time()}
    return [
        "",
        "nonsense",
        jwt.encode(claims, b"another secret of thirty-two characters", "HS256"),
        jwt.encode(claims | {"exp": time.time() - 1}, secret, "HS256"),
        jwt.encode(claims, None, "none"),
        mint_link(dora.id, 0, secret=secret),
    ]


async def test_a_forged_old_or_foreign_token_opens_nothing(browser, dora):
    for token in _forged(dora, browser.app.state.secret):
        answer = await browser.get("/secret", headers={"Cookie": f"{COOKIE}={token}"})
        assert answer.status_code == 401
    good = mint_session(dora.id, secret=browser.app.state.secret)
    assert (await browser.get("/secret", headers={"Cookie": f"{COOKIE}={good}"})).status_code == 200


async def test_a_link_logs_in_once_and_leads_only_into_this_site(browser, dora, accounts):
    secret = browser.app.state.secret
    for wanted, led in (
        ("/secret", "/secret"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil", "/"),
    ):
        token = mint_link(*await accounts.next_link("dora"), secret=secret)
        answer = await browser.get("/staff/link", params={"token": token, "to": wanted})
        assert answer.status_code == 303
        assert answer.headers["location"] == led
        again = await browser.get("/staff/link", params={"token": token, "to": wanted})
        assert again.headers["location"] == "login?link=void"
        assert "set-cookie" not in again.headers
    assert (await browser.get("/secret")).json() == "Dora Example"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"username": "dora"},
        {"username": "x" * 65, "password": "y"},
        {"username": "a\x00", "password": "y"},
        "text",
        [],
    ],
)
async def test_bad_input_is_answered_and_nothing_more(browser, body):
    assert (await browser.post("/staff/api/login", json=body)).status_code == 422
