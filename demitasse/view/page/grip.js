// What lies under the pointer, and what becomes of a box that is dragged. Nothing here touches the page.
"use strict";

const REACH = 7; // screen pixels around an edge in which the pointer takes hold of it
const LEAST = 10; // screen pixels: what is smaller is found, and drawn, as if it were so large

// A box on the screen, with a side of at least LEAST.
function findable([left, top, right, bottom]) {
  const [across, down] = [Math.max(0, LEAST - (right - left)) / 2, Math.max(0, LEAST - (bottom - top)) / 2];
  return [left - across, top - down, right + across, bottom + down];
}

const holds = ([left, top, right, bottom], [x, y]) => x >= left && x <= right && y >= top && y <= bottom;
const spread = ([left, top, right, bottom]) => (right - left) * (bottom - top);

// The smallest of the boxes under a point; of those that are nearly as small, the one of the highest rank.
function underPoint(candidates, point) {
  const found = candidates.filter((one) => holds(findable(one.frame), point));
  const smallest = Math.min(...found.map((one) => spread(findable(one.frame))));
  const near = found.filter((one) => spread(findable(one.frame)) <= 1.3 * smallest);
  return near.reduce((best, one) => (best && best.rank >= one.rank ? best : one), null);
}

// Which part of a box on the screen a point takes hold of: "n", "se", "move" or "". A small box has its grips outside.
function gripAt([left, top, right, bottom], [x, y]) {
  const inside = (low, high) => Math.min(REACH, (high - low) / 4);
  const side = (at, low, high, names) => {
    if (at < low - REACH || at > high + REACH) return null;
    if (at <= low + inside(low, high)) return names[0];
    return at >= high - inside(low, high) ? names[1] : "";
  };
  const [down, across] = [side(y, top, bottom, "ns"), side(x, left, right, "we")];
  if (down === null || across === null) return "";
  return down + across || "move";
}

// A box after its grip was dragged; it stays in the picture, never turns over, and keeps a pixel of width and height.
function dragged(box, grip, [across, down], size) {
  const moved = [...box];
  for (const [low, high, by, limit, names] of [[0, 2, across, size[0], "we"], [1, 3, down, size[1], "ns"]]) {
    if (grip === "move") {
      const free = Math.min(Math.max(by, -box[low]), limit - box[high]);
      moved[low] += free;
      moved[high] += free;
    } else if (grip.includes(names[0])) {
      moved[low] = Math.max(0, Math.min(box[low] + by, box[high] - 1));
    } else if (grip.includes(names[1])) {
      moved[high] = Math.min(limit, Math.max(box[high] + by, box[low] + 1));
    }
  }
  return moved;
}

// The box between two points of the picture, in whole pixels and within it; null if it has no area.
function spanned([x1, y1], [x2, y2], size) {
  const side = (one, other, limit) => [Math.max(0, Math.round(Math.min(one, other))), Math.min(limit, Math.round(Math.max(one, other)))];
  const [[left, right], [top, bottom]] = [side(x1, x2, size[0]), side(y1, y2, size[1])];
  return right > left && bottom > top ? [left, top, right, bottom] : null;
}

// Whole pixels, as far as the box then keeps an area and stays in the picture.
function wholePixels(box, size) {
  const side = (low, high, limit) => {
    const from = Math.min(Math.max(0, Math.round(low)), limit - 1);
    return [from, Math.min(limit, Math.max(from + 1, Math.round(high)))];
  };
  const [[left, right], [top, bottom]] = [side(box[0], box[2], size[0]), side(box[1], box[3], size[1])];
  return [left, top, right, bottom];
}
