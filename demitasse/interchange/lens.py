"""A row of a foreign format and an item of ours, kept whole though neither says all that the other does.

A format is three plain functions (`RowFormat`), which need not be inverse to one another. Here they are made so:

- what a row holds beyond what is written of its item (odd spelling, spaces, keys in another order) waits in the item's
  extra field `as_read`, and goes back into the row for as long as it says what the item says;
- what an item holds beyond what is read of its row waits in the row's key `tao_item`, as JSON text, because rows of a
  table must agree on their types; and comes back for as long as it says what the row says.

So there and back returns the same row, or the same item, and an edit on either side counts before what waits. Fields
that the format does not define pass under their own names, both ways.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from demitasse.dataset import Item
from demitasse.dataset.schema import ITEM_KEYS, shown
from demitasse.errors import DataError

AS_READ = "as_read"
CARRIED = "tao_item"
LABEL = "task"  # an item's own task, in files of mixed tasks
TASK_FILE = "task_file"  # a row's own file, in a file of several
_ORDER = "order"
_OURS = frozenset({AS_READ, CARRIED, TASK_FILE, *ITEM_KEYS})

Row = dict[str, Any]
_Difference = dict[str, Any]  # "fields": what is there and not, or otherwise, on the other side; "absent": what is not
_Whole = TypeVar("_Whole")


class RowFormat(Protocol):
    """One format. `item` and `row` raise DataError with a message that begins with the key or field.

    Attributes:
        name: as the command line has it.
        row_keys: what the format calls its keys, in all spellings.
        item_fields: extra fields of items that a row says, under whatever key; the label too if it tells tasks.
    """

    name: str
    row_keys: frozenset[str]
    item_fields: frozenset[str]

    def task(self, row: Mapping[str, Any]) -> str:
        """The task that a row is of; empty if the format does not tell, and the label then passes like any field."""

    def item(self, row: Mapping[str, Any]) -> Item:
        """The item that a row says; other keys than `row_keys` are passed over."""

    def row(self, item: Item, task: str) -> Row:
        """A row that says an item, as far as the format can."""


def read_row(form: RowFormat, row: Mapping[str, Any], file_task: str) -> Item:
    """The item of a row; it carries its task as a label if that is not the file's.

    Raises:
        DataError: if the row does not fit an item.
    """
    foreign = {key: value for key, value in row.items() if key != CARRIED}
    item = _item_of(form, foreign, file_task)
    if CARRIED in row:
        item = _with_carried(form, item, _difference_from(row[CARRIED]), foreign, file_task)
    kept = _difference(foreign, _row_of(form, item, file_task), ordered=True)
    if kept:
        item = replace(item, extra=item.extra | {AS_READ: {"format": form.name, **kept}})
    return item


def write_row(form: RowFormat, item: Item, file_task: str) -> Row:
    """The row of an item of a file with this task.

    Raises:
        DataError: if the format cannot hold it.
    """
    kept = item.extra.get(AS_READ)
    is_ours = isinstance(kept, dict) and kept.get("format") == form.name
    bare = replace(item, extra={key: value for key, value in item.extra.items() if key != AS_READ}) if is_ours else item
    row = _row_of(form, bare, file_task)
    if isinstance(kept, dict) and is_ours:
        row = _with_kept(form, row, kept, bare, file_task)
    carried = _difference(bare.to_json(), _item_of(form, row, file_task).to_json())
    return row | {CARRIED: json.dumps(carried, allow_nan=False)} if carried else row


def _item_of(form: RowFormat, row: Mapping[str, Any], file_task: str) -> Item:
    item = form.item(row)
    extra = item.extra | {key: value for key, value in row.items() if _passes(form, key)}
    task = form.task(row)
    return replace(item, extra=extra | {LABEL: task} if task not in ("", file_task) else extra)


def _row_of(form: RowFormat, item: Item, file_task: str) -> Row:
    task = str(item.extra.get("task_type") or item.extra.get(LABEL) or file_task)
    return form.row(item, task) | {key: value for key, value in item.extra.items() if _passes(form, key)}


def _passes(form: RowFormat, key: str) -> bool:
    return key not in form.row_keys and key not in form.item_fields and key not in _OURS


def _with_kept(form: RowFormat, row: Row, kept: _Difference, item: Item, file_task: str) -> Row:
    said = _item_of(form, row, file_task)

    def says_the_same(tried: Row) -> bool:
        says = _item_of(form, tried, file_task)
        return _same(says, said) or _same(says, item)

    return _as_far_as(row, kept, _applied, says_the_same)


def _with_carried(form: RowFormat, item: Item, carried: _Difference, row: Row, file_task: str) -> Item:
    def applied(whole: Item, difference: _Difference) -> Item:
        return Item.from_json(_applied(whole.to_json(), difference))

    def says_the_same(tried: Item) -> bool:
        says = _row_of(form, tried, file_task)
        return _equal(says, row) or _same(_item_of(form, says, file_task), item)

    return _as_far_as(item, carried, applied, says_the_same)


def _as_far_as(
    whole: _Whole,
    difference: _Difference,
    applied: Callable[[_Whole, _Difference], _Whole],
    holds: Callable[[_Whole], bool],
) -> _Whole:
    """The difference put in; where that does not hold, because somebody edited, as many of its parts as do."""
    for part in (difference, *_parts(difference)):
        try:
            tried = applied(whole, part)
            if not holds(tried):
                continue
        except DataError:
            continue
        if part is difference:
            return tried
        whole = tried
    return whole


def _parts(difference: _Difference) -> Iterator[_Difference]:
    if difference.get("fields"):  # some hold together alone, such as frames and their captions
        yield {key: value for key, value in difference.items() if key != "absent"}
    for key, value in difference.get("fields", {}).items():
        yield {"fields": {key: value}}
    for key in difference.get("absent", []):
        yield {"absent": [key]}


def _difference(one: Mapping[str, Any], other: Mapping[str, Any], ordered: bool = False) -> _Difference:
    """What makes the other into the one; empty if they are the same."""
    fields = {key: value for key, value in one.items() if key not in other or not _equal(value, other[key])}
    absent = [key for key in other if key not in one]
    found: _Difference = ({"fields": fields} if fields else {}) | ({"absent": absent} if absent else {})
    if ordered and list(_applied(dict(other), found)) != list(one):
        found[_ORDER] = list(one)
    return found


def _applied(whole: Row, difference: _Difference) -> Row:
    absent = difference.get("absent", [])
    values = {key: value for key, value in (whole | difference.get("fields", {})).items() if key not in absent}
    return {key: values[key] for key in difference.get(_ORDER, []) if key in values} | values


def _difference_from(text: Any) -> _Difference:
    try:
        value = json.loads(text)
    except (TypeError, ValueError) as fault:
        raise DataError(f"{CARRIED} is {shown(text)}, which is not the JSON that was written there") from fault
    match value:
        case {"fields": dict()} | {"absent": list()}:
            return dict(value)
    raise DataError(f"{CARRIED} is {shown(text)}, which is not the JSON that was written there")


def _same(one: Item, other: Item) -> bool:
    return json.dumps(one.to_json(), sort_keys=True) == json.dumps(other.to_json(), sort_keys=True)


def _equal(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same to the letter: 1, 1.0 and true are three."""
    return json.dumps(one) == json.dumps(other)
