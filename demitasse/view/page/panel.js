// Below the picture: its caption, the regions, the labels that were left out, what the double check removed. And in
// words what the pointer or the keyboard is at.
"use strict";

function drawPanel(told, medium) {
  if (scene && scene.medium === state.medium) {
    Object.assign(scene, { picture: told.picture, extra: told.extra, regions: told.picture.regions || [], read: new Map() });
  }
  const { regions = [], leftOut = [], removed = [] } = told.picture;
  const parts = medium.note ? [make("p", "notice", medium.note)] : [];
  for (const [name, text] of Object.entries(told.texts)) parts.push(make("h3", "", name), prose(text));
  parts.push(...section("Regions", regions.map(regionLine)));
  parts.push(...section("Removed as a whole", removed.map(removedLine)));
  parts.push(...section("Labels left out", leftOut.map(({ line, reason }) => make("div", "part", make("span", "faint", line === undefined ? "" : `line ${line}`), prose(reason || "")))));
  byId("captions").replaceChildren(...parts);
  byId("captions").scrollTop = 0;
  byId("timeline").replaceChildren();
  drawCard();
}

const section = (title, lines) => (lines.length ? [make("h3", "", `${title} (${number(lines.length)})`), ...lines] : []);

function regionLine(region, index) {
  const words = [region.color, region.type].filter(Boolean).join(" ");
  const share = region.box_iou === undefined ? "" : make("span", "faint small", `IoU ${region.box_iou.toFixed(2)}`);
  if (share) share.title = "how well it lies on its label";
  const line = make("button", "part", make("span", "kind", words), prose(region.description || ""), share);
  const target = { kind: "region", index };
  line.onclick = () => { if (!scene) return; pin(target); if (region.px) bringIntoSight(region.px); };
  return pointing(line, target);
}

function removedLine(expression, index) {
  const who = expression.review ? "by a person" : "by the double check";
  return pointing(make("div", "part", make("span", "faint", who), prose(expression.text || "", "gone")), { kind: "removed", index });
}

function wordsOfBox(index) {
  const boxes = boxesOfCurrent();
  const box = boxes[index];
  if (!box) return "";
  const region = scene.regions[box.region];
  return `Box ${index + 1} of ${boxes.length}: ${placeInWords(box.px)}${region ? `. ${region.description || ""}` : ""}`;
}

function placeInWords([left, top, right, bottom]) {
  const short = (value) => String(Math.round(value * 10) / 10);
  return `left ${short(left)}, top ${short(top)}, ${short(right - left)} wide, ${short(bottom - top)} high`;
}

const PAST = {
  before: "Before the double check moved it", gone: "Removed by the double check", was: "Before it was edited",
};

// What is told beside the pointer: plain text, whatever is in it.
function tipOf(target) {
  if (target.kind === "label") {
    const { type, line, occluded, truncated } = scene.picture.labels[target.index];
    const more = [line && `line ${line}`, occluded && `occluded ${occluded}`, truncated && `truncated ${truncated}`].filter(Boolean);
    return ["Label: " + (type || "?"), ...more].join(" · ");
  }
  if (target.kind === "region") return tipOfRegion(target.index);
  if (target.kind === "removed") return `Removed: “${scene.picture.removed[target.index].text}”`;
  if (target.kind === "found") return `Predicted box ${target.index + 1}`;
  if (target.kind !== "box") return PAST[target.kind];
  const here = [...kinOf(scene, target).items].map((index) => state.data.items[index]);
  const named = here.slice(0, 4).map((item) => `“${titleOf(item)}”`);
  if (here.length > 4) named.push(`and ${here.length - 4} more`);
  const { region } = ((scene.items.find((one) => one.index === target.item) || { boxes: [] }).boxes[target.index]) || {};
  return [...named, ...(scene.regions[region] ? [tipOfRegion(region)] : [])].join("\n");
}

function tipOfRegion(index) {
  const { type, color, description } = scene.regions[index];
  return `${[color, type].filter(Boolean).join(" ")}: ${description || ""}`;
}
