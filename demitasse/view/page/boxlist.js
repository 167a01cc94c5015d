// The boxes of the item in the card: what each shows, and what may be done with it.
"use strict";

function boxesBlock(item, edit) {
  const boxes = scene && current() === item ? boxesOfCurrent() : [];
  const decidable = state.data.decidable;
  const head = make("h3", "", `${decidable ? "Boxes" : "Truth"} (${number(boxes.length)})`);
  const nodes = [head, make("div", "boxes", ...boxes.map((box, index) => boxLine(item, box, index)))];
  if (decidable && scene && scene.view) {
    const add = action("Add a box", "i", startAdding, "plain");
    nodes.push(make("div", "", add));
    nodes.push(...removedBoxes(item));
  }
  if (item.found && scene && scene.view) nodes.push(...foundBoxes(item, boxes));
  if (textOf(item, edit).answer !== item.answer) nodes.push(make("p", "faint small", "Where boxes were before, they are dotted on the picture."));
  return nodes;
}

function boxLine(item, box, index) {
  const region = scene.regions[box.region];
  const what = region ? region.description || region.type || "" : box.entry.label || "";
  const said = make("span", "", make("span", "text", what || "shows no region"), make("div", "faint small", sizeInWords(box)));
  const words = make("button", "what", make("span", "number", String(index + 1)), said);
  words.onclick = () => activate(index);
  const line = make("div", "boxline", words);
  pointing(words, { kind: "box", item: item.index, index });
  if (state.data.decidable) {
    const remove = action("✕", "", () => removeBox(index), "small", `remove box ${index + 1}`);
    line.append(remove);
  }
  return line;
}

function sizeInWords({ px, share }) {
  const [wide, high] = [px[2] - px[0], px[3] - px[1]].map((value) => Math.round(value * 10) / 10);
  return `${wide} × ${high}${share === undefined ? " pixels" : ` pixels, IoU ${share.toFixed(2)} with its region`}`;
}

// What a student found, each with the true box that it overlaps most.
function foundBoxes(item, boxes) {
  const lines = item.found.map((written, index) => {
    const px = upright(inPixels(written, item.units, scene.size));
    const shares = boxes.map((box) => overlap(px, box.px));
    const best = Math.max(0, ...shares);
    const met = best ? `IoU ${best.toFixed(2)} with box ${shares.indexOf(best) + 1}` : "overlaps no true box";
    const words = make("button", "what", make("span", "number", String(index + 1)), make("span", "", met, make("div", "faint small", sizeInWords({ px }))));
    words.onclick = () => bringIntoSight(px);
    return make("div", "boxline", pointing(words, { kind: "found", index }));
  });
  return [make("h3", "", `Predicted (${number(lines.length)})`), make("div", "boxes", ...lines)];
}

// What the double check took away can be put back.
function removedBoxes(item) {
  const { check = {} } = scene.extra[item.index] || {};
  const now = new Set(boxesOfCurrent().map((box) => box.entry.bbox_id));
  const gone = pastShapes(item).filter((shape) => shape.px && shape.target.kind === "gone" && !now.has((check.removed || [])[shape.target.index].bbox_id));
  if (!gone.length) return [];
  return [make("h3", "", "Removed by the double check"), ...gone.map((shape) => {
    const words = make("span", "what", make("span", "text", `Box of ${Math.round(shape.px[2] - shape.px[0])} × ${Math.round(shape.px[3] - shape.px[1])}`));
    const back = action("Put back", "", () => addBox(shape.px, check.removed[shape.target.index].bbox_id), "small");
    return pointing(make("div", "boxline", words, back), shape.target);
  })];
}
