"""What can be set of the steps that write and check questions, evidence, boxes and wrong answers.

VideoEspresso (arXiv 2411.14794) publishes no threshold and no prompt of these steps: every number here is ours, and
says so where the paper must have had one.
"""

from __future__ import annotations

from dataclasses import dataclass

from demitasse.config.setting import setting
from demitasse.dataset.evidence import ESPRESSO_TASKS

TASKS = tuple(name for name, _ in ESPRESSO_TASKS)


@dataclass
class QuestionSettings:
    """Step 3: which questions are asked for."""

    tasks: list[str] = setting(list(TASKS), "the types of questions; all fourteen of the paper", choices=TASKS)
    per_group: int = setting(4, "questions asked for from a group at most; the paper publishes no number", ge=1)
    min_frames: int = setting(
        2, "frames that a question must need; the paper says several, and publishes no number", ge=2
    )


@dataclass
class EvidenceSettings:
    """Step 5: how much evidence is chosen."""

    min_core_frames: int = setting(
        2, "core frames at least; not published: its data was seen to have two to four, its selector keeps 2.36", ge=1
    )
    max_core_frames: int = setting(4, "core frames at most; not published, as above", ge=1)
    max_key_items: int = setting(6, "things named as evidence at most; the paper publishes no limit", ge=1)


@dataclass
class BoxSettings:
    """Step 6: who finds the boxes, and which of them are good enough."""

    service: str = setting(
        "",
        "the address of a detector that is sent a JPEG and names, in the place of the model `detector`",
    )
    service_name: str = setting("", "what that detector is, for the rows: the service's model and version")
    service_key_env: str = setting("", "the variable that holds the service's key; empty: it asks for none")
    service_timeout: float = setting(60, "seconds for a reply of the service", gt=0)
    min_score: float = setting(
        0.35,
        "boxes with a lower score are dropped; a model gives none. The paper publishes no threshold; this is "
        "GroundingDINO's own",
        ge=0,
        le=1,
    )
    min_agreement: float = setting(
        0.5,
        "IoU with a box that a second look by `captioner` finds; boxes with less are dropped. 0: nobody looks again. "
        "The paper holds crops to their labels by CLIP, and publishes no threshold",
        ge=0,
        le=1,
    )
    names_per_request: int = setting(20, "names that a model is asked to find in one frame at once", ge=1)


@dataclass
class DistractorSettings:
    """Step 8: how long wrong answers may be. The paper shows that its are balanced, and publishes no bound."""

    slack_words: int = setting(3, "words by which a wrong answer may be longer or shorter than the right one", ge=0)
    slack_share: float = setting(0.25, "the same as a share of the right answer's words; the larger counts", ge=0, le=1)


@dataclass
class ProbeSettings:
    """Step 9: what is guessed from the text alone. Not the paper's: its follow-ups (ReWatch-R1, VidGround) do it."""

    tries: int = setting(3, "times that each question is asked without the video, its options in another order", ge=1)
    temperature: float = setting(0.7, "of the guesses", ge=0, le=2)
    drop_guessed: bool = setting(False, "true leaves questions that are guessed every time out of items/mcq.json")
