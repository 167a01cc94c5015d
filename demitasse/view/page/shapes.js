// What is drawn over the picture: a frame for every label, region and box, in layers that can be switched off.
"use strict";

const LAYERS = [
  { name: "label", words: "Labels", key: "5" },
  { name: "region", words: "Regions", key: "6" },
  { name: "box", words: "Expressions", key: "7" },
  { name: "found", words: "Predicted", key: "8" },
  { name: "past", words: "Moved, removed", key: "9" },
];
const hidden = new Set(); // names of layers that are switched off
const RANKS = { box: 4, found: 3, region: 2, label: 1, past: 0 };
const NUMBERED = 60; // boxes of one item, beyond which their numbers would cover the picture

// The items about this picture with their boxes as they now stand; of predictions only the one that is looked at.
function gatherItems() {
  const item = current();
  const about = state.data.decidable ? state.data.items.filter((one) => one.medium === scene.medium) : item ? [item] : [];
  scene.items = about.filter((one) => one.units).map((one) => ({ index: one.index, item: one, boxes: boxesOf(one) }));
}

// The boxes of an item, each with the region that it shows. They are read once for each answer.
function boxesOf(item) {
  if (scene.draft && scene.draft.item === item) return scene.draft.boxes;
  const { answer } = textOf(item, editOf(item));
  const last = scene.read.get(item);
  if (last && last.answer === answer) return last.boxes;
  const boxes = regionedBoxes(item, answer);
  scene.read.set(item, { answer, boxes });
  return boxes;
}

// A box that lies where the annotation put it shows the region that the annotation names.
function regionedBoxes(item, answer) {
  const known = new Map(((scene.extra[item.index] || {}).instances || []).map((one) => [one.bbox_id, one]));
  const first = new Set((readBoxes(item.answer, item.units, scene.size) || []).map(({ px, entry }) => `${entry.bbox_id} ${px}`));
  return (readBoxes(answer, item.units, scene.size) || []).map(({ px, entry }) => {
    const told = first.has(`${entry.bbox_id} ${px}`) ? known.get(entry.bbox_id) : null;
    return { px, entry, ...(told ? { region: told.region ?? undefined, share: told.region_iou ?? undefined } : regionUnder(px, scene.regions)) };
  });
}

const boxesOfCurrent = () => (scene && scene.size && current() && current().units ? boxesOf(current()) : []);

function makeShapes() {
  const focus = scene.shapes.contains(document.activeElement);
  const now = current();
  const { labels = [], regions = [] } = scene.picture;
  const shapes = [
    ...labels.map(({ px }, index) => ({ layer: "label", target: { kind: "label", index }, px })),
    ...regions.map(({ px }, index) => ({ layer: "region", target: { kind: "region", index }, px })),
    ...pastShapes(now),
  ];
  // The boxes of the item that is looked at come last: they lie above the others.
  for (const one of scene.items.toSorted((a, b) => (a.item === now) - (b.item === now))) {
    one.boxes.forEach(({ px }, index) => shapes.push({
      layer: "box", target: { kind: "box", item: one.index, index }, px, own: one.item === now, many: one.boxes.length > NUMBERED,
    }));
  }
  const plain = now && !now.units ? now.boxes || [] : []; // fractions, or pixels
  plain.forEach(([...px], index) => shapes.push({
    layer: "box", target: { kind: "plain", index }, px: px.slice(0, 4).map((value, side) => (Math.max(...px.slice(0, 4)) <= 1 ? value * scene.size[side % 2] : value)),
  }));
  const found = now && now.found && now.units ? now.found : [];
  found.forEach((written, index) => shapes.push({ layer: "found", target: { kind: "found", index }, px: inPixels(written, now.units, scene.size) }));
  scene.drawn = shapes.filter((shape) => shape.px).map((shape) => ({ ...shape, name: nameOf(shape.target), px: upright(shape.px) }));
  for (const shape of scene.drawn) shape.node = frameOf(shape);
  scene.shapes.replaceChildren(...scene.drawn.map((shape) => shape.node));
  if (focus) focusActive();
}

// Where boxes were before a person or the double check moved or removed them.
function pastShapes(item) {
  const { removed = [] } = scene.picture;
  const past = removed.flatMap((expression, index) => expression.boxes.map(({ px }) => ({ kind: "removed", index, px })));
  if (item && item.units) {
    const check = (scene.extra[item.index] || {}).check || {};
    (check.moved || []).forEach((one, index) => past.push({ kind: "before", index, px: one.was && inPixels(one.was, THOUSANDTHS, scene.size) }));
    (check.removed || []).forEach((one, index) => past.push({ kind: "gone", index, px: one.bbox_2d && inPixels(one.bbox_2d, THOUSANDTHS, scene.size) }));
    const now = boxesOf(item).map(({ px }) => String(px));
    const first = readBoxes(item.answer, item.units, scene.size) || [];
    first.forEach(({ px }, index) => { if (!now.includes(String(px))) past.push({ kind: "was", index, px }); });
  }
  return past.map(({ kind, index, px }) => ({ layer: "past", target: { kind, index }, px }));
}

const upright = ([a, b, c, d]) => [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)];

function frameOf(shape) {
  const node = make("div", "");
  if (shape.own && !shape.many) node.append(make("span", "number", String(shape.target.index + 1)));
  if (shape.own) {
    const active = shape.target.index === Math.max(0, scene.active);
    Object.assign(node, { role: "button", tabIndex: active ? 0 : -1, ariaLabel: wordsOfBox(shape.target.index) });
    node.onfocus = () => { if (scene.active !== shape.target.index) activate(shape.target.index); };
  } else {
    node.ariaHidden = "true";
  }
  return node;
}

function placeShapes() {
  scene.drawn.forEach(placeShape);
  placeGrips();
  placeTip();
}

function placeShape(shape) {
  const frame = toScreen(scene.view, shape.px);
  const tiny = frame[2] - frame[0] < 5 || frame[3] - frame[1] < 5;
  Object.assign(shape, { frame, tiny, rank: RANKS[shape.layer] + (shape.own ? 1 : 0) });
  placeAt(shape.node, tiny ? findable(frame) : frame);
  paint(shape);
}

function placeAt({ style }, [left, top, right, bottom]) {
  style.transform = `translate(${left}px, ${top}px)`;
  style.width = `${right - left}px`;
  style.height = `${bottom - top}px`;
}

function placeGrips() {
  const shape = isChangeable() && !hidden.has("box") && scene.drawn.find((one) => one.own && one.target.index === scene.active);
  scene.grips.hidden = !shape;
  if (!shape) return;
  const [left, top, right, bottom] = findable(shape.frame);
  const small = Math.min(right - left, bottom - top) < 4 * REACH;
  placeAt(scene.grips, small ? [left - REACH, top - REACH, right + REACH, bottom + REACH] : shape.frame);
  scene.grips.classList.toggle("small", small);
}

// One class name for each state, set only where it changes: a picture may have two thousand shapes.
function paint(shape) {
  const { lit } = scene;
  const how = [
    "shape", shape.layer, `is-${shape.target.kind}`, shape.own && "own", shape.tiny && "tiny", hidden.has(shape.layer) && "off",
    lit && (lit.has(shape.name) ? "lit" : lit.size && "dim"), shape.own && shape.target.index === scene.active && "active",
  ].filter(Boolean).join(" ");
  if (shape.node.className !== how) shape.node.className = how;
}

// While something is pointed at, everything else lies in the shade.
function drawShade() {
  const { shade, room } = scene;
  const ratio = window.devicePixelRatio || 1;
  shade.width = room[0] * ratio;
  shade.height = room[1] * ratio;
  if (!(scene.hover || scene.pin)) return;
  const bright = scene.drawn.filter((shape) => scene.lit && scene.lit.has(shape.name) && !hidden.has(shape.layer));
  if (!bright.length) return;
  const pen = shade.getContext("2d");
  pen.scale(ratio, ratio);
  pen.fillStyle = "rgb(0 0 0 / .5)";
  pen.fillRect(0, 0, ...room);
  for (const { frame } of bright) {
    const [left, top, right, bottom] = findable(frame);
    pen.clearRect(left, top, right - left, bottom - top);
  }
}

function drawLayers() {
  const counts = {};
  for (const shape of scene.drawn) counts[shape.layer] = (counts[shape.layer] || 0) + 1;
  const truth = !state.data.decidable;
  // Which switches there are does not depend on what is drawn just now: a toolbar that grows would push the picture away.
  const offered = ["box", ...(scene.picture.regions ? ["label", "region"] : []), truth ? "found" : "past"];
  const switches = LAYERS.filter(({ name }) => offered.includes(name)).map(({ name, words, key }) => {
    const said = name !== "box" || scene.picture.regions ? words : truth ? "Truth" : "Boxes";
    const button = make("button", `layer ${name}`, make("i"), said, make("span", "faint", number(counts[name] || 0)), make("kbd", "", key));
    button.ariaPressed = String(!hidden.has(name));
    button.title = `show or hide (${key})`;
    button.onclick = () => switchLayer(name);
    return button;
  });
  byId("layers").replaceChildren(...switches);
}

function switchLayer(name) {
  if (!scene) return;
  if (!hidden.delete(name)) hidden.add(name);
  drawPicture();
}
