"""What a prompt asks, and the texts that it asks it about."""

import re
from dataclasses import dataclass

_SECTION = re.compile(r"^## ([A-Za-z_][A-Za-z0-9_.-]{0,127})[ \t]*$", re.MULTILINE)
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_LEAD = re.compile(r"[^\n:]{3,300}:\s+")
_LONGEST_LEAD = 1_000
_VERBS = (
    "analyse analyze answer based combine compare compose condense create describe draft explain"
    " extract find from generate give how identify in list make merge outline please provide"
    " report rewrite say select state suggest sum summarise summarize synthesise synthesize tell"
    " turn use using what when where which who why write you your"
)
_INSTRUCTING = frozenset(_VERBS.split())
_ABOUT_THE_TASK = (
    "answer article bullet concise context document following headline input markdown note output"
    " page paragraph point question report result sentence short source summary text word"
)
NO_TOPICS = frozenset(f"{_VERBS} {_ABOUT_THE_TASK}".split())
"""Words of a prompt that say what to do, not what it is about."""


@dataclass(frozen=True, slots=True)
class Source:
    """A text to pick from; `name` is empty where it came without one."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt taken apart."""

    text: str
    sources: tuple[Source, ...]


def read_prompt(prompt: str) -> Question:
    """Take a prompt apart into what it asks and the texts that it asks it about.

    Texts stand under headings `## name`. Without any, what follows the instruction is the one
    text: the instruction is a first paragraph that reads like one, or what ends at a colon. A
    prompt that is nothing but an instruction has no text.
    """
    names = list(_SECTION.finditer(prompt))
    if names:
        ends = [name.start() for name in names[1:]] + [len(prompt)]
        found = (
            Source(name[1], prompt[name.end() : end].strip())
            for name, end in zip(names, ends, strict=True)
        )
        sources = tuple(source for source in found if source.text not in {"", "null"})
        return Question(prompt[: names[0].start()].strip(), sources)
    lead = _length_of_lead(prompt.strip())
    text = prompt.strip()[lead:].strip()
    return Question(prompt.strip()[:lead].strip(), (Source("", text),) if text else ())


def _length_of_lead(prompt: str) -> int:
    paragraph = _BLANK_LINE.search(prompt, 0, _LONGEST_LEAD)
    first = prompt if paragraph is None else prompt[: paragraph.start()]
    if not _reads_like_an_instruction(first):
        return 0
    if paragraph is not None:
        return paragraph.end()
    colon = _LEAD.match(prompt)
    return len(prompt) if colon is None else colon.end()


def _reads_like_an_instruction(text: str) -> bool:
    words = text.split(maxsplit=1)
    begins = bool(words) and words[0].strip(",.:;!").lower() in _INSTRUCTING
    return len(text) <= _LONGEST_LEAD and (begins or text.rstrip().endswith(("?", ":")))
