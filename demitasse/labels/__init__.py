"""Labels of people: an answer that is one JSON object, with a file that says what the answer of each key is."""

ANSWER_KIND = "answer_kind"  # the extra field by which an item says what its answer is
OF_ITEM = "of_item"  # the extra field by which the score of one key names the item that it is a part of
OBJECT = "object"  # one that is a JSON object: `{"kind": "object", "keys": {"weather": {"kind": "closed", …}, …}}`
