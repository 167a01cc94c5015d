"""Configuration: YAML and dotted overrides, read into a tree of dataclasses.

The dataclasses are the one source of truth. A key that no field has, a value of the wrong type or out of range
is an error that names the key, the value, the file with its line, and the nearest valid key. A field's
`metadata` may hold `ge`, `gt`, `le`, `lt` and `choices` (of each element, if it is a list), and `secret`.
"""

from demitasse.config.read import read_config
from demitasse.config.save import resolved, save_resolved

__all__ = ["read_config", "resolved", "save_resolved"]
