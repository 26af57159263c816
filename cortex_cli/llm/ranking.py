"""Which sentences say most of what a text says: the arithmetic of the extractive model.

A sentence counts for the sum of its likenesses (cosines of tf-idf) to all others, which is its
product with the sum of all normed sentences and so takes linear time; a little more near the
beginning of its source; and up to six times as much if it has the words of the question.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_WORD = re.compile(r"[^\W_]+(?:['\u2019\-][^\W_]+)*")
_COMMON = (
    "a about above after again all also an and any are as at be because been before being below"
    " between both but by can could did do does doing down during each few for from further had"
    " has have having he her here hers him his how i if in into is it its just may me might more"
    " most must my no nor not now of off on once only or other our out over own same she should"
    " so some such than that the their them then there these they this those through to too under"
    " until up upon very was we were what when where which while who whom why will with would you"
    " your"
)
_STOP_WORDS = frozenset(_COMMON.split())
_ALIKE = 0.6
_CONTAINED = 0.9
_MOST_LOOKED_AT = 2_000


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, where it stands (`source`, `place`), and the words that it is about."""

    text: str
    source: int
    place: int
    words: frozenset[str]

    @property
    def size(self) -> int:
        """How many words it has, all counted."""
        return len(self.text.split())


def words_of(text: str) -> list[str]:
    """The words that a text is about: lower case, without stop words and plural endings."""
    words = (_stem(word) for word in _WORD.findall(text.lower()))
    return [word for word in words if word not in _STOP_WORDS]


def _stem(word: str) -> str:
    word = word.replace("\u2019", "'").removesuffix("'s")
    if len(word) > 4 and word.endswith("ies"):
        return f"{word[:-3]}y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def rank(sentences: Sequence[Sentence], question: Iterable[str]) -> list[Sentence]:
    """The sentences, the most telling first; equal ones in their order."""
    counts = Counter(word for sentence in sentences for word in sentence.words)
    rarity = {word: math.log(1 + len(sentences) / count) for word, count in counts.items()}
    asked = {word: rarity[word] for word in question if word in rarity}
    norms = [_norm(sentence, rarity) for sentence in sentences]
    centre: dict[str, float] = defaultdict(float)
    for sentence, norm in zip(sentences, norms, strict=True):
        for word in sentence.words:
            centre[word] += rarity[word] / norm

    def score(sentence: Sentence, norm: float) -> float:
        # fsum: the order of a set, which differs from process to process, must not count.
        likeness = math.fsum(rarity[word] * centre[word] for word in sentence.words) / norm
        answered = math.fsum(asked.get(word, 0.0) for word in sentence.words)
        focus = 1 + 5 * answered / sum(asked.values()) if asked else 1.0
        return likeness * focus * _by_place(sentence.place) * _by_size(sentence.size)

    scores = [score(*pair) for pair in zip(sentences, norms, strict=True)]
    best_first = sorted(range(len(sentences)), key=lambda place: -scores[place])
    return [sentences[place] for place in best_first]


def _norm(sentence: Sentence, rarity: Mapping[str, float]) -> float:
    return math.sqrt(math.fsum(rarity[word] ** 2 for word in sentence.words)) or 1.0


def _by_place(place: int) -> float:
    return 1 + 0.25 / (1 + place)


def _by_size(words: int) -> float:
    if words < 4:
        return 0.3
    return 0.7 if words < 7 or words > 50 else 1.0


def select(ranked: Sequence[Sentence], most_words: int) -> list[Sentence]:
    """The best that fit into so many words together, in the order of their sources.

    Each source is heard once before any is heard twice. What says again what was chosen already
    is passed over. At least the best one is chosen, whatever its size.
    """
    chosen: list[Sentence] = []
    left = most_words
    for sentence in _each_source_first(ranked)[:_MOST_LOOKED_AT]:
        if sentence.size > left and chosen:
            continue
        if not any(_says_again(sentence, other) for other in chosen):
            chosen.append(sentence)
            left -= sentence.size
        if left <= 0:
            break
    return sorted(chosen, key=lambda sentence: (sentence.source, sentence.place))


def _each_source_first(ranked: Sequence[Sentence]) -> list[Sentence]:
    first: dict[int, Sentence] = {}
    for sentence in ranked:
        first.setdefault(sentence.source, sentence)
    best = set(first.values())
    return [*first.values(), *(sentence for sentence in ranked if sentence not in best)]


def _says_again(sentence: Sentence, other: Sentence) -> bool:
    if sentence.text == other.text:
        return True
    common = len(sentence.words & other.words)
    smaller = min(len(sentence.words), len(other.words))
    either = len(sentence.words) + len(other.words) - common
    is_part = smaller > 4 and common >= _CONTAINED * smaller
    return is_part or (common > 0 and common >= _ALIKE * either)
