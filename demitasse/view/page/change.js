// Changing the boxes of the item that is looked at. Every change is a decision: kept at once, and undone like any other.
"use strict";

const PAUSE = 600; // milliseconds after the last arrow key; what was moved until then is one decision

const isChangeable = () => Boolean(scene && scene.view && current() && current().units && state.data.decidable && !state.editing);

function keepBoxes(given) {
  const item = current();
  const boxes = item.task === "expression" ? given : leftToRight(given);
  scene.active = boxes.indexOf(given[scene.active]);
  scene.draft = null;
  const { answer: before = item.answer, ...changes } = (editOf(item) || {}).changes || {};
  const first = readBoxes(item.answer, item.units, scene.size);
  const answer = sameBoxes(first, boxes) ? item.answer : writeBoxes(item.answer, boxes, item.units, scene.size);
  if (answer === before) { drawPicture(); return; }
  if (answer !== item.answer) changes.answer = answer;
  decide(item, Object.keys(changes).length ? "edit" : "accept", changes, noted()).catch((error) => toast(`Not kept: ${error.message}.`, true));
}

// Boxes as they would be; nothing is decided until `settle`.
function draft(boxes) {
  scene.draft = { item: current(), boxes };
  const own = scene.drawn.filter((shape) => shape.own);
  if (own.length !== boxes.length) { drawPicture(); return; }
  for (const shape of own) {
    const { px } = boxes[shape.target.index];
    if (px === shape.px) continue;
    shape.px = px;
    placeShape(shape);
  }
  placeGrips();
}

function settle() {
  clearTimeout(settle.timer);
  if (scene && scene.draft) keepBoxes(scene.draft.boxes);
}

function leaveItem() {
  settle();
  if (scene) Object.assign(scene, { active: -1, pin: null, hover: null, tipped: null });
  stopAdding();
}

function withBox(index, px) {
  return boxesOfCurrent().map((box, place) => (place === index ? { ...box, px } : box));
}

function activate(index) {
  const boxes = boxesOfCurrent();
  if (!boxes.length) return;
  settle();
  scene.active = (index + boxes.length) % boxes.length;
  bringIntoSight(boxes[scene.active].px);
  focusActive();
  light();
  say(wordsOfBox(scene.active));
}

function focusActive() {
  const shape = scene.drawn.find((one) => one.own && one.target.index === scene.active);
  if (!shape) return;
  for (const one of scene.drawn) if (one.own) one.node.tabIndex = one === shape ? 0 : -1;
  shape.node.focus({ preventScroll: true });
}

function deactivate() {
  scene.active = -1;
  if (scene.shapes.contains(document.activeElement)) document.activeElement.blur();
  light();
}

// One screen pixel, but at least one of the picture, and as much as the answer's units can tell.
function stride(side) {
  const { size, whole } = current().units;
  return Math.max(1, Math.round(1 / scene.view.scale), whole ? scene.size[side] / size[side] : 0);
}

function nudge(across, down, grip) {
  const box = boxesOfCurrent()[scene.active];
  if (!isChangeable() || !box) return false;
  draft(withBox(scene.active, dragged(box.px, grip, [across * stride(0), down * stride(1)], scene.size)));
  clearTimeout(settle.timer);
  settle.timer = setTimeout(() => { settle(); say(wordsOfBox(scene.active)); }, PAUSE);
  return true;
}

function removeBox(index = scene ? scene.active : -1) {
  const boxes = boxesOfCurrent();
  if (!isChangeable() || !boxes[index]) return false;
  settle();
  scene.active = -1;
  keepBoxes(boxesOfCurrent().filter((_, place) => place !== index));
  return true;
}

function addBox(px, identity = "") {
  const boxes = boxesOfCurrent();
  const box = freshBox(px, boxes);
  if (identity) box.entry = { bbox_id: identity, ...box.entry };
  stopAdding();
  scene.active = boxes.length;
  keepBoxes([...boxes, box]);
  activate(scene.active);
}

function startAdding() {
  if (!isChangeable()) return;
  settle();
  scene.adding = true;
  byId("screen").classList.add("adding");
  toast("Draw the new box. Enter puts one into the middle, Esc ends it.");
}

function stopAdding() {
  if (scene) scene.adding = false;
  byId("screen").classList.remove("adding");
}

function addInTheMiddle() {
  if (!scene || !scene.adding) return false;
  const [x, y] = toPicture(scene.view, [scene.room[0] / 2, scene.room[1] / 2]);
  const half = Math.max(1, 24 / scene.view.scale);
  addBox(wholePixels([x - half, y - half, x + half, y + half], scene.size));
  return true;
}

// Esc ends whatever was begun last.
function letGo() {
  if (!scene) return false;
  settle();
  if (scene.adding) stopAdding();
  else if (scene.pin) pin(scene.pin);
  else if (scene.active >= 0) deactivate();
  else return false;
  return true;
}

function say(words) {
  byId("said").textContent = words;
}
