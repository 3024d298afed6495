"""Any turn of the week is found again: by words, by what it was, page by page."""

import pytest

from convonet.monitor.turn_filter import TurnFilter
from convonet.monitor.turn_index import TurnIndex
from convonet.records.record import HandOverRecord
from convonet.records.redis_records import RETENTION_S
from tests.monitor.conftest import NOON, tool_call, turn

EVERYTHING = TurnFilter()


async def found(index, **filters):
    """Numbers of the turns that the filters let through, newest first."""
    listed = await index.page(TurnFilter(**filters), None, 200)
    return [int(row.request_id.rpartition("-")[2]) for row in listed.turns]


async def test_the_newest_turns_come_first_and_pages_neither_repeat_nor_skip(index):
    await index.write([turn(number) for number in range(25)])
    seen, cursor = [], None
    while True:
        listed = await index.page(EVERYTHING, cursor, 10)
        seen += [row.timestamp for row in listed.turns]
        cursor = listed.next
        if cursor is None:
            break
        await index.write([turn(100 + len(seen))])
    assert seen == [NOON + number for number in range(24, -1, -1)]


async def test_turns_of_one_moment_are_paged_through_as_well(index):
    await index.write([turn(0, request_id=f"s-0:t-{number}") for number in range(7)])
    first = await index.page(EVERYTHING, None, 4)
    second = await index.page(EVERYTHING, first.next, 4)
    assert len({row.request_id for row in (*first.turns, *second.turns)}) == 7


async def test_words_are_found_in_any_order_by_their_beginnings_in_what_either_side_said(index):
    await index.write(
        [
            turn(1, user_prompt="cancel the Dry-Cleaning, please", agent_response="Gone."),
            turn(2, user_prompt="what else", agent_response="Your dry cleaning is due on friday."),
            turn(3, user_prompt="불고기 예약해 주세요", agent_response="네."),
        ]
    )
    assert await found(index, text="cleaning dry") == [2, 1]
    assert await found(index, text="clean") == [2, 1]
    assert await found(index, text="불고기") == [3]
    assert await found(index, text="friday cancel") == []


@pytest.mark.parametrize(
    "text", ['"', "AND", "NEAR(", "said:milk", "*", "'; DROP TABLE turns --", "milk*", "-milk", "%"]
)
async def test_no_text_is_an_operator(index, text):
    await index.write([turn(1)])
    await found(index, text=text)
    assert await found(index) == [1]


async def test_filters_narrow_the_list_down_and_work_together(index):
    handed_over = HandOverRecord(
        department="support",
        extension="2001",
        agent_name="Dora",
        outcome="ended",
        why=None,
        waited_s=1.0,
        talked_s=2.0,
        sentences=3,
    )
    await index.write(
        [
            turn(1, provider="anthropic", agent_type="hanok_table"),
            turn(2, status="failed", tools=[tool_call(status="failed")], user_id="u-2", user_name="Bob 100%"),
            turn(3, timings={"first_audio_ms": 4000.0}),
            turn(4, source="text", timings={}, duration_ms=2500.0),
            turn(5, transfer_marker="TRANSFER_INITIATED:2001|support|wants a person"),
            turn(6, source="transfer", hand_over=handed_over, timings={}),
        ]
    )
    assert await found(index, provider="anthropic") == [1]
    assert await found(index, agent_type="hanok_table") == [1]
    assert await found(index, status="failed") == [2]
    assert await found(index, failed_tool=True) == [2]
    assert await found(index, user="u-2") == await found(index, user="bob") == await found(index, user="100%") == [2]
    assert await found(index, user="%") == [2]
    assert await found(index, slow_ms=2000) == [4, 3]
    assert await found(index, source="text") == [4]
    assert await found(index, hand_over=True) == [6, 5]
    assert await found(index, session="s-0") == [6, 3]
    assert await found(index, since=NOON + 2, until=NOON + 4) == [3, 2]
    assert await found(index, text="milk", session="s-0", slow_ms=2000) == [3]


async def test_a_record_that_comes_again_replaces_the_one_before(index):
    assert len(await index.write([turn(1), turn(2)])) == 2
    assert await index.write([turn(1, user_prompt="something else"), turn(1, user_prompt="buy bread")]) == []
    assert await found(index, text="milk list") == [2]
    assert await found(index, text="bread") == [1]
    assert (await index.get_record("s-1:t-1")).user_prompt == "buy bread"
    assert await index.get_record("s-1:t-9") is None
    assert await index.missing(["s-1:t-1", "s-0:t-9"]) == ["s-0:t-9"]


async def test_a_turn_older_than_a_week_is_deleted_with_its_words(index):
    await index.write([turn(-RETENTION_S, request_id="s-1:t-1"), turn(2)])
    assert await index.delete_expired() == 1
    assert await found(index, text="milk") == [2]
    assert await index.get_record("s-1:t-1") is None


async def test_beyond_the_limit_the_oldest_turns_are_deleted(tmp_path):
    index = TurnIndex(tmp_path / "turns.db", clock=lambda: NOON + 3600, max_turns=3)
    await index.open()
    await index.write([turn(number) for number in range(5)])
    assert await index.delete_expired() == 2
    assert await found(index) == [4, 3, 2]


async def test_a_file_outlives_its_process_and_is_readable_by_its_owner_only(tmp_path):
    path = tmp_path / "new folder" / "turns.db"
    first = TurnIndex(path)
    await first.open()
    await first.write([turn(1)])
    await first.close()
    assert path.stat().st_mode & 0o077 == 0
    second = TurnIndex(path)
    await second.open()
    assert await found(second) == [1]
    await second.close()


async def test_the_values_that_occur_can_be_chosen_from(index):
    await index.write([turn(1), turn(2, provider="google", agent_type="hanok_table", status="timeout", source="api")])
    choices = await index.choices()
    assert choices.model_dump() == {
        "providers": ["google", "offline"],
        "agent_types": ["hanok_table", "todo"],
        "statuses": ["success", "timeout"],
        "sources": ["api", "voice"],
    }
