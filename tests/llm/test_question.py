import pytest

from cortex_cli.llm.question import Source, read_prompt

ARTICLE = "Loops are old. They came with machines.\n\nAgents use them. That is new."


def test_named_sections_are_the_sources() -> None:
    question = read_prompt("What do they say?\n\n## wiki\nText one.\n\n## facts\nText two.\n")
    assert question.text == "What do they say?"
    assert question.sources == (Source("wiki", "Text one."), Source("facts", "Text two."))


def test_a_section_that_is_empty_or_null_is_no_source() -> None:
    assert read_prompt("Go\n\n## a\n\n## b\nnull\n\n## c\ntext").sources == (Source("c", "text"),)
    assert read_prompt("## a\nnull").sources == ()


def test_a_heading_of_several_words_is_no_section() -> None:
    question = read_prompt("Sum up.\n\n## paper\nText.\n## Related work here\nMore.")
    assert question.sources == (Source("paper", "Text.\n## Related work here\nMore."),)


@pytest.mark.parametrize(
    "instruction",
    ["Summarise this:", "What is it about?", "Please, be short.", "Write a report on loops."],
)
def test_a_first_paragraph_that_instructs_is_the_question(instruction: str) -> None:
    question = read_prompt(f"{instruction}\n\n{ARTICLE}")
    assert question.text == instruction
    assert question.sources == (Source("", ARTICLE),)


def test_an_instruction_may_end_at_a_colon() -> None:
    question = read_prompt("Summarise in a line: Loops are old. They came with machines.")
    assert question.text == "Summarise in a line:"
    assert question.sources == (Source("", "Loops are old. They came with machines."),)


@pytest.mark.parametrize("text", [ARTICLE, "One text. It instructs nobody: it is.", "x" * 2_000])
def test_a_text_without_an_instruction_is_all_source(text: str) -> None:
    question = read_prompt(text)
    assert (question.text, question.sources) == ("", (Source("", text),))


@pytest.mark.parametrize("prompt", ["Write a haiku about loops.", "Why?", "Say hello", ""])
def test_an_instruction_alone_has_no_source(prompt: str) -> None:
    question = read_prompt(prompt)
    assert (question.text, question.sources) == (prompt, ())
