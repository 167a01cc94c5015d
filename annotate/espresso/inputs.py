"""The videos of a configuration, as records: found as for video reasoning, but no video has a mode here."""

from __future__ import annotations

from annotate.run.inputs import Inputs
from annotate.video_reasoning import inputs as videos
from annotate.video_reasoning.config import Data
from demitasse.engine.step import Record


def find_inputs(data: Data) -> Inputs:
    """Find them; ids and what is left out are as in `annotate.video_reasoning.inputs.find_inputs`.

    Raises:
        ConfigError: if the folder or a list cannot be read, or there is nothing.
    """
    found = videos.find_inputs(data)
    found.records = [
        Record(record.id, {name: value for name, value in record.fields.items() if name != "given_mode"})
        for record in found.records
    ]
    return found
