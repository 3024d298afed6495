"""Run the vendors: `python -m bench.vendors --port 9100`."""

from __future__ import annotations

import argparse
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, fields

import uvloop
from aiohttp import web

from bench.harness.clock import Clock
from bench.harness.script import REPLY, TRANSCRIPT, Delays
from bench.vendors import anthropic, listen, openai, speak
from bench.vendors.stage import Stage, TtsCut

MAX_REQUEST_BYTES = 1 << 26

Answer = Callable[[Stage, web.Request], Awaitable[web.StreamResponse]]


def application(delays: Delays, tts_cut: TtsCut) -> web.Application:
    """All vendors; their stage is made when the loop runs."""
    stage_key = web.AppKey("stage", Stage)
    app = web.Application(client_max_size=MAX_REQUEST_BYTES)

    async def live(app: web.Application) -> AsyncIterator[None]:
        app[stage_key] = Stage(delays, tts_cut, Clock())
        yield
        await app[stage_key].close()

    def on_stage(answer: Answer) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await answer(request.app[stage_key], request)

        return handle

    app.cleanup_ctx.append(live)
    app.add_routes(
        [
            web.get("/config", on_stage(_config)),
            web.get("/stats", on_stage(_stats)),
            web.post("/stats/reset", on_stage(_reset)),
            web.post("/script", on_stage(_set_script)),
            web.post("/v1/listen", on_stage(listen.recognize)),
            web.get("/v1/listen", on_stage(listen.listen_live)),
            web.post("/v1/speak", on_stage(speak.speak)),
            web.get("/v1/speak", on_stage(speak.speak_live)),
            web.post("/v1/chat/completions", on_stage(openai.complete)),
            web.post("/v1/messages", on_stage(anthropic.create_message)),
        ]
    )
    return app


async def _config(stage: Stage, _: web.Request) -> web.Response:
    return web.json_response(
        {
            "delays": asdict(stage.delays),
            "tool": stage.tool,
            "critical_path_ms": stage.delays.critical_path_ms(tool=stage.tool),
            "reply": REPLY,
            "reply_audio_ms": stage.delays.reply_audio_ms,
            "transcript": TRANSCRIPT,
            "tts_cut": stage.tts_cut,
        }
    )


async def _stats(stage: Stage, _: web.Request) -> web.Response:
    return web.json_response(stage.activity.report(stage.lag))


async def _reset(stage: Stage, _: web.Request) -> web.Response:
    stage.activity.reset()
    stage.lag.late_ms.clear()
    return web.json_response({})


async def _set_script(stage: Stage, request: web.Request) -> web.Response:
    stage.tool = bool((await request.json())["tool"])
    return web.json_response({})


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9100)
    parser.add_argument("--tts-cut", choices=["space", "eager"], default="space", help="see bench.vendors.stage")
    for delay in fields(Delays):
        parser.add_argument("--" + delay.name.replace("_", "-"), type=float, default=delay.default)
    options = vars(parser.parse_args())
    host, port, tts_cut = options.pop("host"), options.pop("port"), options.pop("tts_cut")
    uvloop.install()
    # it would stop all vendors for 30 ms now and then
    gc.disable()
    app = application(Delays(**options), tts_cut)
    web.run_app(app, host=host, port=port, access_log=None, print=None)


if __name__ == "__main__":
    main()
