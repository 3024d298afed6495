"""The vendors of the comparison: Deepgram, OpenAI and Anthropic on one port of the loopback, with fixed delays.

One aiohttp process that speaks the vendors' wire formats, so that any server is measured with its own real clients:

    POST /v1/listen            Deepgram, a recording       WS /v1/listen      live, with interim results
    POST /v1/speak             Deepgram, a chunked body    WS /v1/speak       Speak, Flush, Clear, Close
    POST /v1/chat/completions  OpenAI, streamed or not     POST /v1/messages  Anthropic, streamed or not
    GET  /config, /stats       POST /stats/reset           POST /script       {"tool": true | false}

It answers each utterance with the same transcript and each prompt with the same 40 tokens (`bench.harness.script`); in
turns with a tool the model calls that first. It records how much later than configured an answer left, so that its
own lateness can be told from the server's.
"""
