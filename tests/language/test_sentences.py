"""A caller's sentence without the words that carry no meaning."""

import pytest

from convonet.language.sentences import Sentence


@pytest.mark.parametrize(
    ("said", "bare", "cleaned"),
    [
        ("Um, could you please add milk?", "could you please add milk", "add milk"),
        ("Okay, please, what's on my list, thanks.", "Okay, please, what's on my list, thanks", "what's on my list"),
        ("“Call Ana” for me", "Call Ana for me", "Call Ana"),
        ("uh", "", ""),
    ],
)
def test_hesitations_go_first_and_politeness_next(said, bare, cleaned):
    sentence = Sentence(said)
    assert (sentence.raw, sentence.bare, sentence.cleaned) == (said, bare, cleaned)


@pytest.mark.parametrize(
    ("said", "answer"),
    [("Yes, please.", "yes"), ("No, thanks.", "no"), ("never mind", "drop"), ("yes add milk", None), ("", None)],
)
def test_an_answer_is_yes_or_no_or_neither(said, answer):
    assert Sentence(said).answer == answer
