from cortex_cli.llm.ranking import Sentence, rank, select, words_of


def sentences(*texts: str, source: int = 0) -> list[Sentence]:
    return [
        Sentence(text=text, source=source, place=place, words=frozenset(words_of(text)))
        for place, text in enumerate(texts)
    ]


def test_words_are_folded_and_stop_words_left_out() -> None:
    assert words_of("The Loops\u2019 studies of agent's classes, and this bus") == [
        "loop",
        "study",
        "agent",
        "classe",
        "bus",
    ]


def test_the_sentence_most_like_all_others_comes_first() -> None:
    given = sentences(
        "Bananas grow in warm places near water today.",
        "An agent plans its actions before the run.",
        "The agent runs actions of the plan in parallel.",
        "A plan of actions lets the agent run quickly.",
    )
    assert rank(given, [])[-1] == given[0]


def test_a_question_brings_what_answers_it_to_the_front() -> None:
    given = sentences(
        "An agent plans its actions before the run.",
        "The agent runs actions of the plan in parallel.",
        "Bananas grow in warm places near water today.",
    )
    assert rank(given, words_of("where do bananas grow"))[0] == given[2]
    assert rank(given, ["unheard"]) == rank(given, [])


def test_short_fragments_and_late_sentences_count_less() -> None:
    alike = ["An agent plans actions here now.", "An agent plans actions."]
    given = sentences(*alike)
    assert rank(given, [])[0] == given[0]
    assert rank(sentences("same words", "same words"), []) == sentences("same words", "same words")


def test_rank_of_nothing_is_nothing() -> None:
    assert rank([], ["x"]) == []
    assert select([], 10) == []


def test_the_best_that_fit_are_chosen_in_their_order() -> None:
    given = sentences("one two three", "four five six seven", "eight nine")
    assert select([given[2], given[1], given[0]], 5) == [given[0], given[2]]
    assert select([given[1]], 1) == [given[1]]


def test_what_says_the_same_again_is_passed_over() -> None:
    given = sentences(
        "The agent runs many actions in parallel.",
        "The agent runs many actions in parallel today.",
        "The agent runs many actions in parallel.",
        "Nothing else resembles it.",
    )
    assert select(given, 100) == [given[0], given[3]]
    assert select(sentences("a", "a", "the"), 100) == [
        *sentences("a"),
        *sentences("", "", "the")[2:],
    ]


def test_every_source_is_heard_before_any_is_heard_twice() -> None:
    first = sentences("alpha beta gamma", "delta epsilon zeta")
    second = sentences("eta theta iota", source=1)
    assert select([*first, *second], 6) == [first[0], second[0]]
