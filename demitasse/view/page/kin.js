// What belongs together in a picture: labels, the regions that describe them, the expressions that mean them.
// Nothing here touches the page.
//
// A scene is {regions: [{box: index of its label}], items: [{index, boxes: [{region}]}]}. A target is what the pointer
// or the keyboard is at: {kind: "item", index}, {kind: "box", item, index}, {kind: "region" | "label" | …, index}.
"use strict";

// Everything that is to be lit with a target, as the names of shapes, and the items whose rows are.
function kinOf(scene, target) {
  const shapes = new Set();
  const items = new Set();
  if (!target) return { shapes, items };
  const addRegion = (region) => {
    if (!scene.regions[region]) return;
    shapes.add(`region ${region}`);
    if (scene.regions[region].box !== undefined) shapes.add(`label ${scene.regions[region].box}`);
  };
  const addThings = (regions) => {
    regions.forEach(addRegion);
    for (const item of scene.items) {
      item.boxes.forEach((box, index) => {
        if (!regions.includes(box.region)) return;
        shapes.add(`box ${item.index} ${index}`);
        items.add(item.index);
      });
    }
  };
  const byIndex = (index) => scene.items.find((item) => item.index === index);
  if (target.kind === "item") {
    items.add(target.index);
    (byIndex(target.index) || { boxes: [] }).boxes.forEach((box, index) => {
      shapes.add(`box ${target.index} ${index}`);
      addRegion(box.region);
    });
  } else if (target.kind === "box") {
    items.add(target.item);
    shapes.add(`box ${target.item} ${target.index}`);
    const { region } = (byIndex(target.item) || { boxes: [] }).boxes[target.index] || {};
    if (scene.regions[region]) addThings([region]);
  } else if (target.kind === "region") {
    addThings([target.index]);
  } else if (target.kind === "label") {
    shapes.add(`label ${target.index}`);
    addThings(scene.regions.flatMap((region, index) => (region.box === target.index ? [index] : [])));
  } else {
    shapes.add(nameOf(target));
  }
  return { shapes, items };
}

// The region that a box shows, as `data apply-edits` finds it too: the one it overlaps most, and by half.
function regionUnder(px, regions) {
  const shares = regions.map((region) => (region.px ? overlap(px, region.px) : 0));
  const share = Math.max(0, ...shares);
  return share >= 0.5 ? { region: shares.indexOf(share), share } : {};
}

// Area of overlap over area of union.
function overlap(one, other) {
  const side = (low, high) => Math.max(0, Math.min(one[high], other[high]) - Math.max(one[low], other[low]));
  const shared = side(0, 2) * side(1, 3);
  return shared / (spread(one) + spread(other) - shared) || 0;
}

const nameOf = (target) => (target.kind === "box" ? `box ${target.item} ${target.index}` : `${target.kind} ${target.index}`);
