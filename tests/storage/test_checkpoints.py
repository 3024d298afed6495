"""The behavior of every checkpoint store, with a file and with a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from convonet.core.errors import Fenced, StorageError
from convonet.core.ids import SessionId, new_session_id
from convonet.storage.checkpoints import MAX_BODY_BYTES, Checkpoint, CheckpointStore, Held
from tests.storage.conftest import MakeStore

ID, OTHER = SessionId("s-1"), SessionId("s-2")
TTL_S = 60.0
LONG_S = 50.0


def held(*, claimed: set[SessionId] = frozenset(), missing: set[SessionId] = frozenset()) -> Held:  # type: ignore[assignment]
    return Held(frozenset(claimed), frozenset(missing))


# -- saving and claiming


async def test_a_session_that_was_never_saved_can_not_be_claimed(store: CheckpointStore) -> None:
    assert await store.claim(ID) is None


@pytest.mark.parametrize("body", [b"", b"conversation", bytes(range(256)) * 100])
async def test_a_claim_gives_the_body_under_the_next_epoch(store: CheckpointStore, body: bytes) -> None:
    await store.save(ID, 1, body, TTL_S)
    assert await store.claim(ID) == Checkpoint(ID, 2, body)
    assert await store.claim(ID) == Checkpoint(ID, 3, body)


async def test_another_process_finds_what_one_has_saved(make_store: MakeStore) -> None:
    await make_store().save(ID, 1, b"x", TTL_S)
    assert await make_store().claim(ID) == Checkpoint(ID, 2, b"x")


async def test_the_old_holder_can_neither_save_nor_delete_after_a_claim(store: CheckpointStore) -> None:
    await store.save(ID, 1, b"old", TTL_S)
    await store.claim(ID)
    with pytest.raises(Fenced):
        await store.save(ID, 1, b"older", TTL_S)
    with pytest.raises(Fenced):
        await store.delete(ID, 1)
    await store.save(ID, 2, b"new", TTL_S)
    assert await store.claim(ID) == Checkpoint(ID, 3, b"new")


async def test_an_ended_session_stays_ended(store: CheckpointStore) -> None:
    await store.save(ID, 1, b"x", TTL_S)
    await store.delete(ID, 1)
    assert await store.claim(ID) is None
    with pytest.raises(Fenced):
        await store.save(ID, 1, b"late", TTL_S)
    await store.delete(ID, 1)
    assert await store.claim(ID) is None


async def test_only_one_of_several_claims_ends_a_session(store: CheckpointStore) -> None:
    await store.save(ID, 1, b"x", TTL_S)
    await store.claim(ID)
    await store.claim(ID)
    await store.delete(ID, 3)
    with pytest.raises(Fenced):
        await store.delete(ID, 2)


async def test_sessions_do_not_touch_each_other(store: CheckpointStore) -> None:
    await store.save(ID, 1, b"mine", TTL_S)
    await store.save(OTHER, 7, b"theirs", TTL_S)
    await store.delete(ID, 1)
    assert await store.claim(OTHER) == Checkpoint(OTHER, 8, b"theirs")


async def test_a_body_that_is_too_large_is_refused(store: CheckpointStore) -> None:
    with pytest.raises(StorageError):
        await store.save(ID, 1, bytes(MAX_BODY_BYTES + 1), TTL_S)
    assert await store.claim(ID) is None


async def test_a_checkpoint_expires(store: CheckpointStore) -> None:
    await store.save(ID, 1, b"x", 0.05)
    await asyncio.sleep(0.1)
    assert await store.hold({ID: 1}, LONG_S) == held(missing={ID})
    assert await store.claim(ID) is None
    await store.save(ID, 1, b"again", TTL_S)


async def test_of_parallel_claims_each_gets_its_own_epoch(make_store: MakeStore) -> None:
    stores = [make_store(), make_store()]
    await stores[0].save(ID, 1, b"x", TTL_S)
    claims = await asyncio.gather(*(stores[n % 2].claim(ID) for n in range(20)))
    assert sorted(claim.epoch for claim in claims if claim) == list(range(2, 22))


async def test_in_a_race_of_many_holders_the_newest_wins(make_store: MakeStore) -> None:
    stores = [make_store(), make_store()]
    await stores[0].save(ID, 1, b"1", TTL_S)

    async def go_on(store: CheckpointStore) -> None:
        epoch = 1
        for _ in range(20):
            try:
                await store.save(ID, epoch, b"%d" % epoch, TTL_S)
            except Fenced:
                claimed = await store.claim(ID)
                assert claimed is not None
                assert int(claimed.body) < claimed.epoch
                epoch = claimed.epoch

    await asyncio.gather(*(go_on(stores[n % 2]) for n in range(6)))


async def test_three_hundred_callers_who_come_back_at_once_all_get_their_sessions(make_store: MakeStore) -> None:
    stores, ids = [make_store(), make_store()], [new_session_id() for _ in range(300)]
    await asyncio.gather(*(stores[0].save(session_id, 1, bytes(10_000), TTL_S) for session_id in ids))
    claims = await asyncio.gather(*(stores[n % 2].claim(session_id) for n, session_id in enumerate(ids)))
    assert [claim.session_id for claim in claims if claim and claim.epoch == 2] == ids


# -- holding


async def test_all_held_sessions_are_confirmed_in_one_call(store: CheckpointStore) -> None:
    ids = [new_session_id() for _ in range(300)]
    for number, session_id in enumerate(ids):
        await store.save(session_id, number + 1, b"x", TTL_S)
    assert await store.hold({session_id: n + 1 for n, session_id in enumerate(ids)}, LONG_S) == held()


async def test_holding_no_session_needs_no_store(store: CheckpointStore) -> None:
    assert await store.hold({}, LONG_S) == held()


@dataclass
class Loss:
    """The ways in which a holder loses a session that it saved under epoch 2."""

    happens: Callable[[CheckpointStore], Awaitable[object]]
    seen_as: str


LOSSES = {
    "claimed": Loss(lambda store: store.claim(ID), "claimed"),
    "ended": Loss(lambda store: store.delete(ID, 2), "claimed"),
    "claimed and ended": Loss(lambda store: _end(store), "claimed"),
}


async def _end(store: CheckpointStore) -> None:
    claimed = await store.claim(ID)
    assert claimed is not None
    await store.delete(ID, claimed.epoch)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
async def test_a_holder_learns_which_of_its_sessions_were_claimed_or_are_missing(
    make_store: MakeStore, loss: Loss
) -> None:
    store = make_store()
    await store.save(ID, 2, b"x", TTL_S)
    await store.save(OTHER, 5, b"y", TTL_S)
    await loss.happens(make_store())
    seen = await store.hold({ID: 2, OTHER: 5, SessionId("s-3"): 1}, LONG_S)
    assert seen == held(claimed={ID}, missing={SessionId("s-3")})


async def test_a_store_that_was_emptied_takes_sessions_again_and_fences_old_holders(store: CheckpointStore) -> None:
    # an old holder, which was frozen meanwhile, is the first one to save again
    await store.save(ID, 3, b"older", TTL_S)
    assert await store.hold({ID: 4}, LONG_S) == held(missing={ID})
    await store.save(ID, 4, b"newer", TTL_S)
    with pytest.raises(Fenced):
        await store.save(ID, 3, b"older", TTL_S)
    assert await store.hold({ID: 3}, LONG_S) == held(claimed={ID})
    assert await store.claim(ID) == Checkpoint(ID, 5, b"newer")


# -- leases


async def test_a_session_is_abandoned_when_its_lease_is_over(store: CheckpointStore) -> None:
    await store.save(ID, 1, b"x", TTL_S, lease_s=0.3)
    assert await store.abandoned(9) == []
    await asyncio.sleep(0.35)
    assert await store.abandoned(9) == [ID]


async def test_a_session_without_a_lease_is_never_abandoned(store: CheckpointStore) -> None:
    await store.save(ID, 1, b"x", TTL_S)
    await store.claim(ID)
    assert await store.abandoned(9) == []


@pytest.mark.parametrize("renewal", ["save", "claim", "hold"])
async def test_a_renewed_lease_is_not_over(store: CheckpointStore, renewal: str) -> None:
    await store.save(ID, 1, b"x", TTL_S, lease_s=0)
    assert await store.abandoned(9) == [ID]
    if renewal == "save":
        await store.save(ID, 1, b"x", TTL_S, lease_s=LONG_S)
    elif renewal == "claim":
        await store.claim(ID, lease_s=LONG_S)
    else:
        await store.hold({ID: 1}, LONG_S)
    assert await store.abandoned(9) == []


async def test_a_fenced_holder_does_not_renew_a_lease(store: CheckpointStore) -> None:
    await store.save(ID, 1, b"x", TTL_S)
    await store.claim(ID, lease_s=0)
    await store.hold({ID: 1}, LONG_S)
    with pytest.raises(Fenced):
        await store.save(ID, 1, b"x", TTL_S, lease_s=LONG_S)
    assert await store.abandoned(9) == [ID]


async def test_an_ended_session_is_not_abandoned(store: CheckpointStore) -> None:
    await store.save(ID, 1, b"x", TTL_S, lease_s=0)
    await store.delete(ID, 1)
    assert await store.abandoned(9) == []


async def test_the_oldest_abandoned_sessions_come_first_up_to_the_limit(store: CheckpointStore) -> None:
    for number in range(5):
        await store.save(SessionId(f"s-{number}"), 1, b"x", TTL_S, lease_s=number - 10)
    assert await store.abandoned(3) == ["s-0", "s-1", "s-2"]


async def test_a_caller_who_comes_back_at_the_last_moment_is_not_swept_away(store: CheckpointStore) -> None:
    await store.save(ID, 1, b"x", TTL_S, lease_s=0)
    (found,) = await store.abandoned(9)
    await store.claim(ID, lease_s=LONG_S)
    assert await store.claim(found, lease_s=LONG_S, only_abandoned=True) is None
    assert await store.hold({ID: 2}, LONG_S) == held()


async def test_of_two_sweepers_one_gets_the_session(make_store: MakeStore) -> None:
    stores = [make_store(), make_store()]
    await stores[0].save(ID, 1, b"x", TTL_S, lease_s=0)

    async def sweep(store: CheckpointStore) -> list[SessionId]:
        ended = []
        for session_id in await store.abandoned(9):
            claimed = await store.claim(session_id, lease_s=LONG_S, only_abandoned=True)
            if claimed is not None:
                await store.delete(session_id, claimed.epoch)
                ended.append(session_id)
        return ended

    sweeps = await asyncio.gather(*(sweep(stores[n % 2]) for n in range(6)))
    assert [session_id for ended in sweeps for session_id in ended] == [ID]


async def test_a_reachable_store_answers_a_ping(store: CheckpointStore) -> None:
    await store.ping()
