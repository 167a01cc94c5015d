"""The conversation: three phases of questions, each answer kept as soon as it is given."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

from annotate.video_reasoning.prompt_keys import QA_TYPES
from annotate.workshop.answers import CHECKLIST, Answers, fault_in, is_optional, missing
from demitasse.prompts import PackText

_WIDTH = 100
_QUESTIONS = {
    "mcq": "what happened, who, how many: four options to choose from",
    "bcq": "whether it did: yes or no",
    "open_qa": "why, and what would have prevented it: in the student's own words",
    "causal_linkage": "how one event leads to another",
    "temporal_localization": "when it happens",
    "temporal_event_desc": "what happens between two times",
    "scene_description": "where this is, and what the place looks like",
    "event_summary": "the whole course of events",
}
_CAPTURED = (
    "Who and what takes part? (workers, forklifts, pallets ...)",
    "What do they do that matters? (movements, contacts, states that change ...)",
    "Which facts of the trade must be seen? (signals, protective gear, labels, rules of the place ...)",
    "Whose reactions matter? (people nearby, drivers behind, the herd ...)",
)
_HOW_TO_EDIT = "Enter: that is right | s 3 4: only where seen | m 3: must | d 5: drop | + text: add"


@dataclass
class Talk:
    """Asks what is still unanswered. `keep` is called after every answer."""

    answers: Answers
    template: PackText
    keep: Callable[[], None]

    def hold(self) -> None:
        """All three phases.

        Raises:
            EOFError: if the input ends; KeyboardInterrupt: if the person interrupts. What was answered is kept.
        """
        self._questions()
        self._checklist()
        self._placeholders()

    def _questions(self) -> None:
        """Phase 1: the domain, the questions that the student shall answer, what must be captured for them."""
        answers = self.answers
        if not answers.about:
            _title("1. The domain, and what the student shall be able to answer")
            answers.about = _ask_until("What are these videos, in one line?", "a line is needed: it names the pack")
            self.keep()
        if not answers.qa_types:
            print("\nWhich questions shall the student answer?")
            for number, kind in enumerate(QA_TYPES, 1):
                print(f"  {number}  {_QUESTIONS[kind]}  ({kind})")
            answers.qa_types = _chosen("Numbers with spaces, or Enter for all of them.", list(QA_TYPES))
            self.keep()
        if CHECKLIST[0] not in answers.fill:
            print("\nWhat must be captured so that these questions can be answered? One a line, Enter to go on.")
            answers.fill[CHECKLIST[0]] = [item for question in _CAPTURED for item in _lines(question)]
            answers.fill.setdefault(CHECKLIST[1], [])
            self.keep()

    def _checklist(self) -> None:
        """Phase 2: the checklist in two tiers, shown until the person confirms it."""
        if self.answers.confirmed:
            return
        _title("2. The checklist: what every caption must hold, and what it should hold where it is seen")
        while True:
            must, should = (self._tier(name) for name in CHECKLIST)
            _show_checklist(must, should)
            word = _ask(_HOW_TO_EDIT)
            if not word and must:
                break
            told = edited(must, should, word) if word else "the checklist is empty: add what must be captured, + text"
            if told:
                print(f"  {told}")
            self.answers.fill |= {CHECKLIST[0]: must, CHECKLIST[1]: should}
            self.keep()
        self.answers.fill[CHECKLIST[1]] = should or ""
        self.answers.confirmed = True
        self.keep()

    def _placeholders(self) -> None:
        """Phase 3: the template's words, from the questions up to the captions that must hold the answers."""
        left = missing(self.answers, self.template)
        if left:
            _title(f"3. The words of the prompts: {len(left)} places, from the questions back to what is let in")
            print("Enter leaves an optional one out, and any other for later.")
        for number, name in enumerate(left, 1):
            explanation = self.template.placeholders[name]
            words = _ask_words(name, f"[{number}/{len(left)}] {name}: {explanation}")
            if words or is_optional(explanation):
                self.answers.fill[name] = words
                self.keep()

    def _tier(self, name: str) -> list[str]:
        words = self.answers.fill.get(name) or []
        return [words] if isinstance(words, str) else list(words)


def edited(must: list[str], should: list[str], word: str) -> str:
    """Do to the two lists what a line says; returns what is wrong with the line, "" if nothing."""
    command, _, rest = word.partition(" ")
    if command == "+" and rest.strip():
        fault = fault_in(rest)
        if not fault:
            must.append(rest.strip())
        return f"it {fault}" if fault else ""
    numbers = [int(text) for text in re.findall(r"\d+", rest)]
    items = [*must, *should]
    if command not in ("s", "m", "d") or not numbers or not all(1 <= number <= len(items) for number in numbers):
        return f"'{word}' is not understood"
    taken = [items[number - 1] for number in dict.fromkeys(numbers)]
    for tier in (must, should):
        tier[:] = [item for item in tier if item not in taken]
    if command != "d":
        (should if command == "s" else must).extend(taken)
    return ""


def _show_checklist(must: list[str], should: list[str]) -> None:
    number = 0
    for title, tier in (("Must capture", must), ("Should capture, where it is seen", should)):
        print(f"\n{title}:{'' if tier else ' nothing'}")
        for item in tier:
            number += 1
            print(f"  {number}  {item}")


def _title(text: str) -> None:
    print(f"\n{text}\n{'-' * min(len(text), _WIDTH)}")


def _ask(question: str) -> str:
    print("\n" + textwrap.fill(question, _WIDTH))
    return " ".join(input("> ").split())


def _ask_until(question: str, otherwise: str) -> str:
    while not (answer := _ask(question)):
        print(f"  {otherwise}")
    return answer


def _lines(question: str) -> list[str]:
    """Lines up to an empty one."""
    print("\n" + textwrap.fill(question, _WIDTH))
    lines = []
    while line := " ".join(input("> ").split()):
        fault = fault_in(line)
        if fault:
            print(f"  it {fault}")
        else:
            lines.append(line)
    return lines


def _ask_words(name: str, question: str) -> str:
    """The words for a placeholder; several lines where it holds lines (`..._LINES`)."""
    if name.endswith("_LINES"):
        return "\n".join(_lines(f"{question} Enter ends them."))
    while fault := fault_in(words := _ask(question)):
        print(f"  it {fault}")
    return words


def _chosen(question: str, options: list[str]) -> list[str]:
    while True:
        numbers = re.findall(r"\S+", _ask(question).replace(",", " "))
        if all(text.isdecimal() and 1 <= int(text) <= len(options) for text in numbers):
            return [option for number, option in enumerate(options, 1) if not numbers or str(number) in numbers]
        print(f"  numbers from 1 to {len(options)}, please")
