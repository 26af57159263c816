import re


def of(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
