"""The routes of agent-llm-service: POST /process and /stream, GET /providers and /health. Each replica serves them."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Header, Security
from fastapi.security import HTTPBearer
from fastapi.sse import EventSourceResponse, ServerSentEvent

from convonet.agent_api.callers import Callers
from convonet.agent_api.models import Health, ProcessAnswer, ProcessRequest, Providers, TextPiece, ToolUse, Topic
from convonet.agent_api.threads import Thread, Threads
from convonet.agents.base import (
    Agent,
    AgentEvent,
    DomainChosen,
    Final,
    TextDelta,
    ToolFinished,
    ToolStarted,
    TurnRequest,
)
from convonet.agents.models.health import ProviderHealth
from convonet.core.errors import AgentError, ConvonetError
from convonet.core.trace import current_traceparent
from convonet.protocol.transfer_marker import from_marker, to_marker
from convonet.records.record import TurnRecord
from convonet.sessions.conversation import Conversation
from convonet.sessions.messages import TypedUtterance
from convonet.sessions.turn_record_builder import TurnRecordBuilder
from convonet.settings.models import LLM_NAMES
from convonet.web.refusals import Refusal, refusal_responses
from convonet.web.service import Lifespan, http_service
from convonet.web.service_token import ServiceToken
from convonet.web.tracing import TracingMiddleware

Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=128)]


class AgentApi:
    """The handlers; each public method is a route."""

    def __init__(
        self,
        agent: Agent,
        models: Callable[[], Sequence[ProviderHealth]],
        callers: Callers,
        threads: Threads,
        record: Callable[[TurnRecord], None],
    ) -> None:
        self._agent = agent
        self._models = models
        self._callers = callers
        self._threads = threads
        self._record = record

    async def process(self, body: ProcessRequest, idempotency_key: Key = None) -> ProcessAnswer:
        """Answer one turn. A request that is repeated under its `Idempotency-Key` repeats no effect."""
        began = time.perf_counter()
        async with aclosing(self._turn(await self._open(body, idempotency_key), body, idempotency_key)) as events:
            async for event in events:
                if isinstance(event, Final):
                    return _answer(event, began)
        raise AgentError("the agent's stream ended without an answer")

    async def stream(self, body: ProcessRequest, idempotency_key: Key = None) -> AsyncIterator[ServerSentEvent]:
        """Stream one turn as server-sent events: `agent`, `text` and `tool`, and last `final` or `error`."""
        began = time.perf_counter()
        try:
            async with aclosing(self._turn(await self._open(body, idempotency_key), body, idempotency_key)) as events:
                async for event in events:
                    yield _sent(event, began)
        except ConvonetError as error:
            yield ServerSentEvent(event="error", data=Refusal(code=error.code, message=error.spoken))

    async def providers(self) -> Providers:
        """List the models in the order in which they are asked, with their health."""
        return Providers(providers=list(self._models()))

    async def _open(self, body: ProcessRequest, key: str | None) -> Thread:
        caller = await self._callers.find(body.user_id)
        return await self._threads.open_thread(caller, body.session_id, reset=body.reset_thread, repeats=key)

    async def _turn(self, thread: Thread, body: ProcessRequest, key: str | None) -> AsyncGenerator[AgentEvent, None]:
        conversation = thread.conversation
        utterance = TypedUtterance(key or secrets.token_hex(12), body.prompt, time.time())
        if conversation.answered_last(utterance.utterance_id):
            yield _last_final(conversation)
            return
        turn_id = conversation.turn_id_of(utterance.utterance_id)
        record_builder = TurnRecordBuilder(turn_id, conversation, time.time, source="api", ended_at=utterance.ended_at)
        record_builder.set_transcript(body.prompt)
        request = TurnRequest(
            session_id=conversation.session_id,
            turn_id=turn_id,
            caller=conversation.caller,
            transcript=body.prompt,
            history=conversation.history,
            agent_type=conversation.agent_type,
            memory=conversation.memory,
            provider=LLM_NAMES.get(body.model or ""),
            traceparent=current_traceparent(),
        )
        try:
            async with aclosing(self._agent.turn(request)) as events:
                async for event in events:
                    _note(record_builder, event)
                    if isinstance(event, Final):
                        conversation.remember(utterance.utterance_id, body.prompt, event)
                        await self._threads.save_thread(thread)
                        record_builder.mark_ended()
                    yield event
        except ConvonetError as error:
            record_builder.set_error(error)
            record_builder.mark_ended()
            raise
        finally:
            self._record(record_builder.build_record())


def application(api: AgentApi, token: ServiceToken, lifespan: Lifespan) -> FastAPI:
    """Build the application; `lifespan` opens and closes the resources of `api`."""
    bearer = HTTPBearer(auto_error=False, description="The value of AGENT_SERVICE_TOKEN.")
    guarded = APIRouter(
        responses=refusal_responses(401, 404, 413, 422, 503), dependencies=[Security(bearer), Depends(token.require)]
    )
    guarded.add_api_route("/process", api.process, methods=["POST"])
    guarded.add_api_route("/stream", api.stream, methods=["POST"], response_class=EventSourceResponse)
    guarded.add_api_route("/providers", api.providers, methods=["GET"])
    app = http_service("agent-llm-service", lifespan)
    app.include_router(guarded)
    app.add_middleware(TracingMiddleware, trusts=token.is_given)
    app.add_api_route("/health", _health, methods=["GET"])
    return app


async def _health() -> Health:
    """Answer that this replica is alive."""
    return Health()


def _answer(final: Final, began: float) -> ProcessAnswer:
    return ProcessAnswer(
        response=final.text,
        transfer_marker=to_marker(final.hand_over),
        transfer_context=final.transfer_context,
        call_back=final.call_back,
        processing_time_ms=round((time.perf_counter() - began) * 1000, 1),
        agent_type=final.agent_type,
        provider=final.provider,
        model=final.model,
    )


def _sent(event: AgentEvent, began: float) -> ServerSentEvent:
    match event:
        case DomainChosen(agent_type):
            return ServerSentEvent(event="agent", data=Topic(agent_type=agent_type))
        case TextDelta(text):
            return ServerSentEvent(event="text", data=TextPiece(text=text))
        case ToolStarted():
            return ServerSentEvent(event="tool", data=ToolUse(tool=event.tool, label=event.label, phase="started"))
        case ToolFinished():
            use = ToolUse(
                tool=event.tool,
                label=event.label,
                phase="finished" if event.ok else "failed",
                result=event.result,
                duration_ms=event.duration_ms,
            )
            return ServerSentEvent(event="tool", data=use)
        case Final():
            return ServerSentEvent(event="final", data=_answer(event, began))


def _note(record_builder: TurnRecordBuilder, event: AgentEvent) -> None:
    match event:
        case DomainChosen():
            record_builder.mark_stage("agent_start_ms")
        case TextDelta():
            record_builder.mark_stage("first_token_ms")
        case ToolStarted() | ToolFinished():
            record_builder.add_tool_event(event)
        case Final():
            record_builder.set_answer(event)


def _last_final(conversation: Conversation) -> Final:
    last = conversation.last_turn
    assert last is not None  # noqa: S101 -- it was asked just before
    return Final(
        last.answer,
        last.agent_type,
        last.provider,
        last.model,
        conversation.history,
        conversation.memory,
        hand_over=from_marker(last.transfer_marker),
        call_back=last.call_back,
        transfer_context=last.transfer_context,
    )
