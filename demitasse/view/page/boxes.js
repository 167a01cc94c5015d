// Reading the boxes of an answer into pixels of the picture, and writing them as they were. Nothing touches the page.
//
// `units` says what an answer's numbers count in: {size: [width, height], yFirst, whole}.
"use strict";

const THOUSANDTHS = { size: [1000, 1000], yFirst: false, whole: true }; // as TAO's files have boxes
const LIST = /\[[^]*\]/; // from the first bracket to the last: an answer may be fenced

// The boxes of an answer, each {px, entry}; null if it holds no list of them.
function readBoxes(answer, units, size) {
  try {
    const entries = JSON.parse(LIST.exec(answer)[0]);
    return entries.map((entry) => ({ px: inPixels(entry.bbox_2d, units, size), entry }));
  } catch {
    return null;
  }
}

function inPixels(written, units, size) {
  const [a, b, c, d] = written.map(Number);
  const box = units.yFirst ? [b, a, d, c] : [a, b, c, d];
  return box.map((value, side) => value * (size[side % 2] / units.size[side % 2]));
}

function inUnits(px, units, size) {
  const values = px.map((value, side) => value * (units.size[side % 2] / size[side % 2]));
  const [a, b, c, d] = units.whole ? wholePixels(values, units.size) : values;
  return units.yFirst ? [b, a, d, c] : [a, b, c, d];
}

// The answer with other boxes. One whose pixels did not change stays as it was written, to the last digit.
function writeBoxes(answer, boxes, units, size) {
  const entries = boxes.map(({ px, entry }) => {
    const same = entry.bbox_2d && String(inPixels(entry.bbox_2d, units, size)) === String(px);
    return same ? entry : { ...entry, bbox_2d: inUnits(px, units, size) };
  });
  const fenced = answer.trimStart().startsWith("```");
  const lines = entries.map((entry) => (fenced ? `  ${spaced(entry)}` : spaced(entry)));
  const list = fenced && lines.length ? `[\n${lines.join(",\n")}\n]` : `[${lines.join(", ")}]`;
  return answer.replace(LIST, () => list);
}

// JSON with the spaces that Python puts into it, as all other answers have them.
const spaced = (entry) => `{${Object.entries(entry).map(([name, value]) => `${JSON.stringify(name)}: ${Array.isArray(value) ? `[${value.map((one) => JSON.stringify(one)).join(", ")}]` : JSON.stringify(value)}`).join(", ")}}`;

// A new box has what the others of its answer have in common with it: the label, and no identity of its own.
function freshBox(px, boxes) {
  const { bbox_2d: _, bbox_id: __, ...rest } = boxes.length ? boxes[0].entry : {};
  return { px, entry: rest };
}

// As the questions of grounding items ask for boxes.
const leftToRight = (boxes) => boxes.toSorted((one, other) => one.px[0] - other.px[0] || one.px[1] - other.px[1]);
const sameBoxes = (one, other) => JSON.stringify(one.map((box) => [box.px, box.entry])) === JSON.stringify(other.map((box) => [box.px, box.entry]));
