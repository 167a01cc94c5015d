"""Words for NExT-OE's script and for ours alike, so that the metric is compared and not the choice of base forms."""

from __future__ import annotations

from evaluate.official.wordnet import WordNet


class AsScript:
    """NLTK's WordNet, taken for the script's own words; keeps what it was asked, for the tests' record."""

    tags = True

    def __init__(self) -> None:
        self._words = WordNet()
        self.record: dict[str, dict[str, object]] = {"lemmas": {}, "tokens": {}, "likeness": {}}

    def lemmas(self, sentence: str) -> list[str]:
        found = self._words.lemmas(sentence)
        self.record["lemmas"][sentence] = found
        return found

    def tokens(self, text: str) -> list[str]:
        found = self._words.tokens(text)
        self.record["tokens"][text] = found
        return found

    def likeness(self, first: str, second: str) -> float:
        found = self._words.likeness(first, second)
        self.record["likeness"][f"{first}|{second}"] = found
        return found
