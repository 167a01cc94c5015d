// What the page shows: media, items, the list and the place in it, and what has been decided about each item.
"use strict";

const WORDS = { accept: "accepted", edit: "edited", reject: "rejected", open: "undecided", stale: "text has changed" };

const state = {
  data: null, // the overview: media and items
  edits: new Map(), // key of item and text -> decision
  earlier: new Map(), // item -> decisions about other texts of it
  rows: [], // what the list shows: {medium} or {item}
  at: -1, // row that is looked at
  details: new Map(), // medium -> promise of its captions and provenance
  medium: -1, // on the screen
  undo: [],
  editing: false,
  search: [], // item -> its words in lower case, made when first searched
};

const current = () => (state.rows[state.at] || {}).item;
const keyOf = (one) => `${one.item} ${one.of}`;
const editOf = (item) => state.edits.get(item.key);
const decisionOf = (item) => {
  const edit = editOf(item);
  if (edit) return edit.decision;
  return (state.earlier.get(item.item) || []).some((one) => one.decision !== "open") ? "stale" : "open";
};
const isDecided = (item) => !["open", "stale"].includes(decisionOf(item));
const textOf = (item, edit) => ({
  question: item.question, answer: item.answer, reasoning: item.reasoning || "", ...((edit && edit.changes) || {}),
});

function putEdits(edits) {
  const known = new Set(state.data.items.map((item) => item.key));
  state.earlier = new Map();
  for (const edit of edits) {
    if (known.has(keyOf(edit))) state.edits.set(keyOf(edit), edit);
    else state.earlier.set(edit.item, [...(state.earlier.get(edit.item) || []), edit]);
  }
}
