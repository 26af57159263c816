"""Texts drawn at random from a grammar in GBNF, as far as the grammar of plans needs it."""

import re
from dataclasses import dataclass
from random import Random

_TOKEN = re.compile(
    r'\s*(?:"((?:[^"\\]|\\.)*)"|(\[(?:[^\]\\]|\\.)*\])|([A-Za-z][\w-]*)|([()|?])|(\{\d+,\d+\}))'
)
# Of what a class leaves out or lists, some characters that make trouble where they can.
_OF_CLASSES = {"[1-9]": "19", "[0-9]": "059", r'["\\nt]': '"\\nt'}
_ANY = "aé }{][:,'/#*%\u202e\U0001f600"


@dataclass
class Grammar:
    """Rules by name, each a list of tokens."""

    rules: dict[str, list[str]]

    @classmethod
    def parse(cls, text: str) -> "Grammar":
        rules: dict[str, list[str]] = {}
        for line in text.splitlines():
            name, _, body = line.partition(" ::= ")
            assert name not in rules, f"two rules '{name}'"
            tokens = [found[0].strip() for found in _TOKEN.finditer(body)]
            assert "".join(tokens).replace(" ", "") == body.replace(" ", ""), body
            rules[name] = tokens
        return cls(rules)

    def draw(self, random: Random, name: str = "root") -> str:
        """A text that the rule allows."""
        text, rest = self._either(self.rules[name], random)
        assert not rest, f"in '{name}': {rest}"
        return text

    def _either(self, tokens: list[str], random: Random) -> tuple[str, list[str]]:
        choices: list[list[str]] = [[]]
        depth = place = 0
        while place < len(tokens) and (depth or tokens[place] != ")"):
            token = tokens[place]
            depth += (token == "(") - (token == ")")
            if token == "|" and not depth:
                choices.append([])
            else:
                choices[-1].append(token)
            place += 1
        return self._sequence(random.choice(choices), random), tokens[place:]

    def _sequence(self, tokens: list[str], random: Random) -> str:
        text = ""
        while tokens:
            one, tokens = self._repeated(tokens, random)
            text += one
        return text

    def _repeated(self, tokens: list[str], random: Random) -> tuple[str, list[str]]:
        first, rest = self._one(tokens, random)
        if rest[:1] == ["?"]:
            return (first if random.random() < 0.7 else ""), rest[1:]
        if rest and rest[0].startswith("{"):
            least, most = map(int, rest[0].strip("{}").split(","))
            times = random.randint(least, min(most, 6))
            return "".join(self._one(tokens, random)[0] for _ in range(times)), rest[1:]
        return first, rest

    def _one(self, tokens: list[str], random: Random) -> tuple[str, list[str]]:
        token, rest = tokens[0], tokens[1:]
        if token == "(":
            text, rest = self._either(rest, random)
            assert rest[0] == ")"
            return text, rest[1:]
        if token.startswith('"'):
            return re.sub(r"\\(.)", r"\1", token[1:-1]), rest
        if token.startswith("["):
            return random.choice(_OF_CLASSES.get(token, _ANY)), rest
        return self.draw(random, token), rest
