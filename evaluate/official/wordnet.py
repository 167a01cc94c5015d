"""Words as NLTK's WordNet knows them: base forms, and how alike two are. NLTK is the extra `wups`.

NExT-OE takes base forms from pywsd, which tags parts of speech first. Its steps are followed here with NLTK alone, so
that the numbers are the script's where the tagger's data are there; without them verbs and nouns are told apart by what
WordNet holds, and NExT-OE's totals move by about a point.
"""

from __future__ import annotations

from functools import cache, cached_property
from typing import Any

from demitasse.errors import ConfigError

_DATA = "python -m nltk.downloader wordnet averaged_perceptron_tagger_eng punkt_tab"
# Penn's tags by their first two letters to WordNet's. A word of any other is tagged again, alone; if that does not
# help, it is looked up as a noun. So pywsd does it.
_PARTS = {"NN": "n", "JJ": "a", "VB": "v", "RB": "r"}


class WordNet:
    """NLTK's WordNet.

    Raises:
        ConfigError: if NLTK or its WordNet is not there.
    """

    def __init__(self) -> None:
        try:
            import nltk
            from nltk.corpus import wordnet
            from nltk.stem import PorterStemmer, WordNetLemmatizer
        except ImportError as error:
            raise ConfigError(f"WUPS needs NLTK ({error}): run pip install -e '.[wups]' in the checkout") from error
        try:
            wordnet.ensure_loaded()
        except (LookupError, OSError, ValueError) as error:
            told = next((line.strip() for line in str(error).splitlines() if line.strip(" *")), "not found")
            raise ConfigError(
                f"NLTK's WordNet cannot be read ({told}); get it with: {_DATA} (or set NLTK_DATA to its folder)"
            ) from error
        self._nltk: Any = nltk
        self._wordnet: Any = wordnet
        self._lemmatiser, self._stemmer = WordNetLemmatizer(), PorterStemmer()
        self.likeness = cache(self._likeness)

    @cached_property
    def tags(self) -> bool:
        """Whether parts of speech can be tagged, as the script does it."""
        try:
            self._nltk.pos_tag(["word"])
        except (LookupError, OSError):
            return False
        return True

    def lemmas(self, sentence: str) -> list[str]:
        """The words of a sentence in their base forms, small letters."""
        tokens = self.tokens(sentence)
        tagged = self._nltk.pos_tag(tokens) if self.tags and tokens else [(token, "") for token in tokens]
        return [self._lemma(word.lower(), tag[:2]) for word, tag in tagged]

    def tokens(self, text: str) -> list[str]:
        """The words of a text as they stand, punctuation apart."""
        try:
            return list(self._nltk.word_tokenize(text))
        except LookupError:  # the data that sentences are split by; short answers are one sentence
            return list(self._nltk.word_tokenize(text, preserve_line=True))

    def _lemma(self, word: str, tag: str) -> str:
        """pywsd's rule: the base form if WordNet has it, else the stem if WordNet has that, else the word itself."""
        if self.tags and tag not in _PARTS:
            tag = self._nltk.pos_tag([word])[0][1][:2]
        lemma = self._lemmatiser.lemmatize(word, pos=_PARTS.get(tag, "n"))
        if not self.tags and lemma == word:
            lemma = self._lemmatiser.lemmatize(word, pos="v")
        stem = self._stemmer.stem(word)
        return next((one for one in (lemma, stem) if self._wordnet.synsets(one)), word)

    def _likeness(self, first: str, second: str) -> float:
        senses = [self._wordnet.synsets(word) for word in (first, second)]
        if not all(senses):
            return 0.0
        return float(senses[0][0].wup_similarity(senses[1][0]) or 0.0)
