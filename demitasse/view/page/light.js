// What is pointed at, or was clicked, is lit with everything that belongs to it: on the picture, in the lists, in the card.
"use strict";

const OF_CURRENT = new Set(["before", "gone", "was"]);
const targetOfCurrent = () => (current() && current().units ? { kind: "item", index: current().index } : null);

function point(target) {
  if (!scene || (target && target.kind === "item" && !scene.items.some((one) => one.index === target.index))) return;
  if (same(scene.hover, target)) return;
  scene.hover = target;
  light();
}

// Lit until something else is, or Esc is pressed.
function pin(target) {
  scene.pin = same(scene.pin, target) ? null : target;
  light();
}

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

function light() {
  if (!scene || !scene.view) return;
  const kin = kinOf(scene, scene.hover || scene.pin || targetOfCurrent());
  const calm = !scene.hover && !scene.pin; // then what a student found, and what the boxes were before, is seen as well
  if (calm) scene.drawn.forEach((shape) => (shape.layer === "found" || OF_CURRENT.has(shape.target.kind)) && kin.shapes.add(shape.name));
  scene.lit = kin.shapes;
  scene.litItems = scene.hover || scene.pin ? kin.items : new Set();
  scene.drawn.forEach(paint);
  drawShade();
  lightLines();
  placeGrips();
  placeTip();
}

function lightLines() {
  const pointed = Boolean(scene.hover || scene.pin);
  for (const row of byId("rows").children) row.classList.toggle("lit", Boolean(row.dataset.item) && scene.litItems.has(+row.dataset.item));
  for (const line of document.querySelectorAll("[data-shape]")) line.classList.toggle("lit", pointed && scene.lit.has(line.dataset.shape));
  if (!scene.tipped) return; // pointed at on the picture: its region is brought into sight below
  const panel = byId("captions");
  const line = panel.querySelector(".part.lit");
  if (!line || panel.scrollHeight <= panel.clientHeight) return;
  const at = line.offsetTop - panel.offsetTop;
  if (at < panel.scrollTop || at + line.offsetHeight > panel.scrollTop + panel.clientHeight) panel.scrollTop = at - panel.clientHeight / 3;
}

// A line of a list that stands for a target: pointing at it, or having the focus on it, lights what it stands for.
function pointing(line, target, shape = nameOf(target)) {
  line.dataset.shape = shape;
  line.onpointerenter = line.onfocus = () => point(target);
  line.onpointerleave = line.onblur = () => point(null);
  return line;
}

// A few words beside what the pointer is at on the picture.
function placeTip() {
  const { tip, room } = scene;
  const target = scene.tipped;
  const shape = target && scene.drawn.find((one) => one.name === nameOf(target));
  tip.hidden = !shape;
  if (!shape) return;
  const words = tipOf(target);
  if (tip.textContent !== words) tip.textContent = words;
  const [left, top, , bottom] = findable(shape.frame);
  const [wide, high] = [tip.offsetWidth, tip.offsetHeight];
  const below = bottom + high + 12 <= room[1];
  const y = below ? bottom + 8 : Math.max(4, top - high - 8);
  tip.style.transform = `translate(${Math.max(4, Math.min(left, room[0] - wide - 4))}px, ${Math.min(y, room[1] - high - 4)}px)`;
}
