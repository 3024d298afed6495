"""The media legs of one hand-over: which streams are admitted, and what each media leg has to do.

The actor calls it around each event: `prepare` before the new state is saved, `publish` afterwards.

A telephone's call has a stream key for each attempt, which goes to the carrier and can be exchanged for another one
after the stream has ended. In a direct call each desk that rings or talks has a stream of its own. A desk that no
longer has the caller loses its stream and its key. A key that has opened a stream is replaced at once, so that
the page can open another stream whenever the first one breaks; the newer stream replaces the older one.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from actors.hand_overs.snapshot import DeskStream, HandOverSnapshot, StreamKey
from actors.published import Published
from convonet.core.hand_over import CarrierKind, HandOverState
from convonet.telephony.attempts import Attempt
from convonet.telephony.effects import Effect, PlaceCall
from convonet.telephony.messages import MediaLegAction, MediaLegRequest, MediaLegView

MAX_WHISPER_CHARACTERS = 160
"""Eight seconds of speech before the caller is connected; the card has the rest."""


@dataclass(frozen=True, slots=True, eq=False)
class Leg:
    """A media leg that was admitted, and the views that it follows."""

    request: MediaLegRequest
    views: Published[MediaLegView]


class MediaLegs:
    """The media legs of one hand-over, by the keys of their addresses."""

    def __init__(self, snapshot: HandOverSnapshot) -> None:
        self._snapshot = snapshot
        self._legs: dict[str, Leg] = {}

    def prepare(self, effects: Sequence[Effect]) -> None:
        """Make the keys that the new state needs, and drop the streams of desks that no longer ring or talk."""
        snapshot, machine = self._snapshot, self._snapshot.transfer
        for effect in effects:
            if isinstance(effect, PlaceCall) and effect.carrier is CarrierKind.TELEPHONE:
                # saved first: a restored host needs it to connect the call
                snapshot.stream_keys[effect.attempt] = StreamKey()
        desks = machine.desks if machine.current is not None and machine.current.is_direct else {}
        streams = snapshot.streams
        snapshot.streams = {desk: streams.get(desk) or DeskStream() for desk in desks}

    def call_key(self, attempt: int) -> str:
        """Return the key for the stream of a telephone's call; empty for a direct call."""
        key = self._snapshot.stream_keys.get(attempt)
        return key.value if key is not None else ""

    def exchange_key(self, attempt: int, after: str) -> str | None:
        """Make a new key for a telephone's call whose stream has ended, or return None."""
        key = self._snapshot.stream_keys.get(attempt)
        if not self._is_current(attempt) or key is None or not key.is_exchanged_for(after):
            return None
        self._snapshot.stream_keys[attempt] = new = StreamKey(after=after)
        return new.value

    def admit(self, request: MediaLegRequest) -> Published[MediaLegView] | None:
        """Admit a media leg and give it the views to follow. Returns None without a valid key.

        A media leg that was admitted before may come again, since it outlives this process.
        """
        attempts = self._snapshot.transfer.attempts
        if request.attempt >= len(attempts):
            return None
        attempt = attempts[request.attempt]
        is_admitted = self._admit_page(attempt, request) if attempt.is_direct else self._admit_call(request)
        if not is_admitted:
            return None
        self._end_replaced(request)
        leg = Leg(request, Published(self._view_of(request)))
        self._legs[request.address.key] = leg
        # a desk that talks with this colleague needs the new address
        self.publish()
        return leg.views

    def _end_replaced(self, request: MediaLegRequest) -> None:
        """End the views of the leg that this one replaces, without `CLOSE`: its page may open another stream."""
        for key, leg in list(self._legs.items()):
            if (leg.request.attempt, leg.request.desk) == (request.attempt, request.desk):
                leg.views.close()
                del self._legs[key]

    def _admit_call(self, request: MediaLegRequest) -> bool:
        if request.desk:
            return False
        lines = self._snapshot.lines
        known = lines.get(request.attempt)
        if known is None or not secrets.compare_digest(known.key, request.address.key):
            key = self._snapshot.stream_keys.get(request.attempt)
            if key is None or key.shown or not key.is_same(request.key):
                return False
            key.shown = True
        lines[request.attempt] = request.address
        return True

    def _admit_page(self, attempt: Attempt, request: MediaLegRequest) -> bool:
        stream = self._snapshot.streams.get(request.desk)
        has_accepted = self._snapshot.transfer.desks.get(request.desk, False)
        if stream is None or not has_accepted or attempt is not self._snapshot.transfer.current:
            return False
        if stream.address is None or not secrets.compare_digest(stream.address.key, request.address.key):
            if not stream.key.is_same(request.key):
                return False
            stream.key = StreamKey()
        stream.address = request.address
        return True

    def publish(self) -> None:
        """Tell each media leg what it has to do now."""
        for key, leg in list(self._legs.items()):
            view = self._view_of(leg.request)
            leg.views.publish(view)
            if view.order is MediaLegAction.CLOSE:
                leg.views.close()
                del self._legs[key]

    def find(self, request: MediaLegRequest) -> Leg | None:
        """Return the media leg that was admitted for this request last."""
        return self._legs.get(request.address.key)

    def has_lost(self, request: MediaLegRequest, leg: Leg | None) -> bool:
        """Return whether `leg`, found earlier for this request, has neither come back nor been replaced."""
        is_followed = leg is not None and leg.views.followers > 0
        return self.find(request) is leg and not is_followed and self._is_newest(request)

    def page_streams(self) -> Iterator[MediaLegRequest]:
        """Yield the streams of desks' pages that were open when the snapshot was saved."""
        machine = self._snapshot.transfer
        attempt = len(machine.attempts) - 1
        for desk, stream in self._snapshot.streams.items():
            if stream.address is not None:
                call_id = machine.attempts[attempt].call_sid
                yield MediaLegRequest(machine.transfer_id, attempt, "", call_id, stream.address, desk)

    def close(self) -> None:
        """End all media legs."""
        for leg in self._legs.values():
            leg.views.close()

    def _view_of(self, request: MediaLegRequest) -> MediaLegView:
        order, attempt = self._snapshot.order, self._snapshot.transfer.current
        whisper = f"{order.context.user_name or 'A caller'}. {order.reason}"[:MAX_WHISPER_CHARACTERS]
        view = MediaLegView(order=MediaLegAction.CLOSE, whisper=whisper, language=order.language)
        if attempt is None or not self._is_current(request.attempt) or not self._is_newest(request):
            return view
        consulted = attempt.consultation
        if consulted is not None and request.desk == consulted.desk:
            return view.model_copy(update={"order": MediaLegAction.JOIN, "transcribed": False})
        colleague = None
        match self._snapshot.transfer.state:
            case HandOverState.WHISPER:
                action = MediaLegAction.WHISPER
            case HandOverState.CONNECTED if consulted is not None and consulted.streaming:
                action, colleague = MediaLegAction.CONSULT, self._snapshot.streams[consulted.desk].address
            case HandOverState.CONNECTED:
                action = MediaLegAction.HOLD if attempt.held else MediaLegAction.JOIN
            case _:
                action = MediaLegAction.WAIT
        return view.model_copy(update={"order": action, "colleague": colleague})

    def _is_newest(self, request: MediaLegRequest) -> bool:
        stream = self._snapshot.streams.get(request.desk)
        newest = stream.address if stream is not None else self._snapshot.lines.get(request.attempt)
        return newest == request.address

    def _is_current(self, attempt: int) -> bool:
        machine = self._snapshot.transfer
        return attempt == len(machine.attempts) - 1 and machine.current is not None
