"""Preparing text for synthesis."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convonet.speech.text import MAX_CHARACTERS, SentenceCutter, speakable


def letters(texts):
    return [character for text in texts for character in text if character.isalnum()]


def cut(*pieces):
    cutter = SentenceCutter()
    return [sentence for piece in pieces for sentence in cutter.feed(piece)] + cutter.flush()


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("**Done!** I added _buy milk_.", "Done! I added buy milk."),
        ("# Todos\n- buy milk\n- call mom", "Todos buy milk call mom"),
        ("See [the list](https://example.org/x).", "See the list."),
        ("```python\nprint(1)\n```", "print(1)"),
        ("line\x00\x07 one\r\n\tline two", "line one line two"),
        ("snake_case and 2 * 3 stay", "snake_case and 2 * 3 stay"),
        ("Great 🎉 news", "Great news"),
        ("", ""),
    ],
)
def test_synthesis_gets_words_without_markup(written, spoken):
    assert speakable(written) == spoken


def test_long_text_is_cut_between_words():
    spoken = speakable("word " * 1_000)
    assert len(spoken) <= MAX_CHARACTERS
    assert set(spoken.split()) == {"word"}


@given(st.text())
def test_any_text_becomes_one_bounded_line(text):
    spoken = speakable(text)
    assert len(spoken) <= MAX_CHARACTERS
    assert spoken.isprintable()


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("I added it. Anything else?", ["I added it.", "Anything else?"]),
        ("Meet Dr. Smith at 3.30 p.m. on Oct. 5. Then call.", ["Meet Dr. Smith at 3.30 p.m. on Oct. 5.", "Then call."]),
        ("It is due at 5 p.m. Shall I move it?", ["It is due at 5 p.m.", "Shall I move it?"]),
        ("It costs 3.5 dollars! Fine?", ["It costs 3.5 dollars!", "Fine?"]),
        ("1. Buy milk\n2. Call mom\n", ["1. Buy milk", "2. Call mom"]),
        ("J. R. Tolkien wrote it. I did not.", ["J. R. Tolkien wrote it.", "I did not."]),
        ("Ok. Done now.", ["Ok. Done now."]),
        ('He said "go." Then he left.', ['He said "go."', "Then he left."]),
        ("No mark at the end", ["No mark at the end"]),
        ("Done. 🎉", ["Done."]),
        ("", []),
    ],
)
def test_sentences_are_cut_where_a_reader_would(text, sentences):
    assert cut(text) == sentences
    assert cut(*text) == sentences, "however small the pieces"


def test_the_first_sentence_is_complete_as_soon_as_the_next_word_begins():
    cutter = SentenceCutter()
    assert cutter.feed("I added buy milk.") == []
    assert cutter.feed(" ") == ["I added buy milk."]


@pytest.mark.parametrize(
    ("written", "is_end"),
    [
        ("Sure, I can help you with all that.", True),
        ("Is it?", True),
        ('He said "go there."', True),
        ("It is 3.", False),
        ("at 7 p.m.", False),
        ("Please call Dr.", False),
        ("go to www.example.", False),
        ("not yet", False),
    ],
)
def test_an_eager_cutter_ends_a_sentence_at_its_punctuation_when_that_is_certain(written, is_end):
    cutter = SentenceCutter(eager=True)
    assert cutter.feed(written) == ([written] if is_end else [])
    assert cutter.flush() == ([] if is_end else [written])


@given(st.lists(st.text(max_size=300), max_size=8))
def test_an_eager_cutter_loses_no_word(pieces):
    cutter = SentenceCutter(eager=True)
    sentences = [sentence for piece in pieces for sentence in cutter.feed(piece)] + cutter.flush()
    assert letters(sentences) == letters(pieces)


@given(st.lists(st.text(max_size=300), max_size=8))
def test_no_word_is_lost_and_no_piece_is_too_long(pieces):
    sentences = cut(*pieces)
    assert letters(sentences) == letters(pieces)
    assert all(0 < len(sentence) <= MAX_CHARACTERS for sentence in sentences)


def test_a_sentence_without_end_is_still_spoken_piece_by_piece():
    cutter = SentenceCutter()
    first = cutter.feed("and so on, " * 100)
    assert first
    assert all(len(sentence) <= MAX_CHARACTERS for sentence in first)
