"""The phrases that callers are expected to say, and the language model made of them."""

from collections import Counter

import pytest

from convonet.speech.local.language_model import build_phrase_model, dictionary
from convonet.speech.local.phrases import PhraseError, Phrases

PHRASES = """
# a comment
<list> = todo list | list
<item> = milk | [fresh] bread
<item> = eggs
add <item> to (my|the) <list>
"""


def test_sentences_are_drawn_from_lists_choices_and_options():
    drawn = set(Phrases(PHRASES).sentences(500))
    assert "add milk to my todo list" in drawn
    assert "add fresh bread to the list" in drawn
    assert "add bread to the list" in drawn
    assert len(drawn) == 4 * 2 * 2


def test_the_same_seed_draws_the_same_sentences():
    phrases = Phrases(PHRASES)
    assert list(phrases.sentences(20)) == list(phrases.sentences(20))


@pytest.mark.parametrize("line", ["add (milk", "add milk]", "add [milk)", "add (milk | [bread)]"])
def test_an_open_bracket_is_an_error(line):
    with pytest.raises(PhraseError):
        Phrases(line)


def test_a_list_that_nobody_defines_is_an_error():
    with pytest.raises(PhraseError, match="<grocery>"):
        Phrases("add <grocery> to my list")


def test_every_word_of_the_products_phrases_can_be_pronounced():
    phrases = Phrases.load()
    assert phrases.words <= dictionary() | phrases.pronunciations.keys()


def test_a_model_is_built_once_per_content(tmp_path):
    first = build_phrase_model(tmp_path / "models", Phrases(PHRASES))
    written = first.stat().st_mtime_ns
    assert build_phrase_model(tmp_path / "models", Phrases(PHRASES)) == first
    assert first.stat().st_mtime_ns == written
    assert build_phrase_model(tmp_path / "models", Phrases(PHRASES + "buy milk\n")) != first
    assert not [file for file in first.parent.iterdir() if file.name.startswith("tmp")]


def test_a_model_knows_the_phrases_and_the_most_common_english_words(tmp_path):
    words = build_phrase_model(tmp_path, Phrases(PHRASES)).read_text()
    assert "add fresh bread" in words
    assert " house" in words


def test_a_weight_makes_the_rest_of_its_file_rarer_and_no_other():
    one, other = "weight 0.3\nbook it\nmove it", "add it"
    drawn = Counter(Phrases(f"{one}\f{other}").sentences(100))
    assert drawn == {"book it": 30, "move it": 30, "add it": 100}
