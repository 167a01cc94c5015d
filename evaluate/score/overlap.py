"""Text overlap for open answers: BLEU, ROUGE-L and BERTScore, each by the library that papers use.

None of them says whether an answer is right, and none takes part in a verdict: they stand beside the judge, for
comparison with published tables. The libraries are optional: `pip install -e '.[text]'`.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from demitasse.errors import ConfigError

_INSTALL = "pip install -e '.[text]' in the checkout"
NAMES = {"bleu": "sacrebleu", "rouge_l": "rouge_score"}


def installed() -> tuple[str, ...]:
    """Those of `NAMES` whose library is installed."""
    return tuple(name for name, library in NAMES.items() if find_spec(library))


def bleu(answers: Sequence[str], references: Sequence[str]) -> float:
    """Corpus BLEU-4, 0 to 100, as sacrebleu has it by default (13a tokens, exponential smoothing).

    Raises:
        ValueError: for no answers, or as many references as there are not answers.
    """
    from sacrebleu.metrics.bleu import BLEU

    _check(answers, references)
    return float(BLEU().corpus_score(list(answers), [list(references)]).score)


def rouge_l(answers: Sequence[str], references: Sequence[str]) -> list[float]:
    """ROUGE-L's F1 of each answer, 0 to 1, as rouge_score has it with stems (Google's own rewrite of ROUGE-1.5.5).

    Words, stems and F1 are rouge_score's; its table of all pairs of words takes seconds for a text of thousands.

    Raises:
        ValueError: if there are not as many references as answers.
    """
    from rouge_score.scoring import fmeasure
    from rouge_score.tokenizers import DefaultTokenizer

    _check(answers, references)
    words_of = DefaultTokenizer(use_stemmer=True).tokenize
    found = []
    for answer, reference in zip(map(words_of, answers), map(words_of, references), strict=True):
        common = common_length(answer, reference)
        found.append(float(fmeasure(common / len(answer), common / len(reference))) if common else 0.0)
    return found


def common_length(first: Sequence[str], second: Sequence[str]) -> int:
    """The length of the longest common subsequence of two lists of words.

    By the bits of one number, a word of `first` each (Hyyrö, Bit-parallel LCS-length computation revisited, 2004): a
    bit is 0 where the length grows by one in the plain table's present row.
    """
    places: dict[str, int] = {}
    for place, word in enumerate(first):
        places[word] = places.get(word, 0) | 1 << place
    every = row = (1 << len(first)) - 1
    for word in second:
        same = row & places.get(word, 0)
        row = (row + same | row - same) & every
    return len(first) - row.bit_count()


class BertScore:
    """BERTScore's F1, rescaled with the baseline, by a model in a folder.

    The folder is named like the model (`roberta-large`, `deberta-xlarge-mnli`), for that says which layer is taken and
    which baseline is subtracted.
    """

    def __init__(self, folder: Path) -> None:
        """Load the model.

        Raises:
            ConfigError: if bert-score is not installed, the folder is not there, or its name is no known model's.
        """
        if not find_spec("bert_score"):
            raise ConfigError(f"BERTScore is not installed; {_INSTALL}")
        if not folder.is_dir():
            raise ConfigError(f"--bertscore {folder} is no folder; give one that holds the model's files")
        import bert_score
        from bert_score.utils import model2layers

        name = next((one for one in model2layers if one.split("/")[-1] == folder.name), None)
        baseline = Path(bert_score.__file__).parent / "rescale_baseline" / "en" / f"{name}.tsv"
        if name is None or not baseline.is_file():
            raise ConfigError(
                f"--bertscore {folder}: '{folder.name}' is no model for which BERTScore has a layer and a baseline; "
                "name the folder like the model, such as roberta-large"
            )
        self.name = name
        self._scorer: Any = bert_score.BERTScorer(
            model_type=str(folder),
            num_layers=model2layers[name],
            lang="en",
            rescale_with_baseline=True,
            baseline_path=str(baseline),
        )

    def __call__(self, answers: Sequence[str], references: Sequence[str]) -> list[float]:
        """F1 of each answer: 0 is what two unrelated sentences have, 1 the very words; it may be below 0.

        An answer or reference without text is worth 0 and not compared: bert-score 0.3.13 cannot encode one with
        transformers 5.
        """
        _check(answers, references)
        pairs = zip(answers, references, strict=True)
        places = [place for place, pair in enumerate(pairs) if all(text.strip() for text in pair)]
        found = [0.0] * len(answers)
        if places:
            _, _, f1 = self._scorer.score([answers[one] for one in places], [references[one] for one in places])
            for place, value in zip(places, f1, strict=True):
                found[place] = float(value)
        return found


def _check(answers: Sequence[str], references: Sequence[str]) -> None:
    if len(answers) != len(references):
        raise ValueError(f"{len(answers)} answers and {len(references)} references; they must be of the same items")
