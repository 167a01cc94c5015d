// Between the pixels of a picture and those of the screen. Nothing here touches the page.
//
// A view is {scale, x, y}: screen pixels to a picture's pixel, and where on the screen the picture's corner lies.
// A box is [left, top, right, bottom], a size and a room are [width, height].
"use strict";

const CLOSEST = 48; // screen pixels to a pixel of the picture, at most

function fitted(size, room) {
  const scale = Math.min(room[0] / size[0], room[1] / size[1]);
  return { scale, x: (room[0] - size[0] * scale) / 2, y: (room[1] - size[1] * scale) / 2 };
}

// The picture is in the middle where it is smaller than the room, and leaves no gap where it is larger.
function settled(view, size, room) {
  const place = (at, side, space) => (side <= space ? (space - side) / 2 : Math.min(0, Math.max(space - side, at)));
  return { scale: view.scale, x: place(view.x, size[0] * view.scale, room[0]), y: place(view.y, size[1] * view.scale, room[1]) };
}

// Nearer or farther by a factor; what lies at a point of the screen stays there.
function zoomed(view, factor, at, size, room) {
  const least = fitted(size, room).scale;
  const scale = Math.min(Math.max(least, CLOSEST), Math.max(least, view.scale * factor));
  const grown = scale / view.scale;
  return settled({ scale, x: at[0] - (at[0] - view.x) * grown, y: at[1] - (at[1] - view.y) * grown }, size, room);
}

// The view in which a box fills a third of the room, but no nearer than is of use.
function focused(box, size, room) {
  const [wide, high] = [Math.max(1, box[2] - box[0]), Math.max(1, box[3] - box[1])];
  const wanted = Math.min(room[0] / wide, room[1] / high) / 3;
  const scale = Math.max(fitted(size, room).scale, Math.min(wanted, 12));
  const [x, y] = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
  return settled({ scale, x: room[0] / 2 - x * scale, y: room[1] / 2 - y * scale }, size, room);
}

// Whether a box on the screen lies in the room as a whole, so that nobody has to look for it.
const isInSight = ([left, top, right, bottom], room) => left >= 0 && top >= 0 && right <= room[0] && bottom <= room[1];

const toScreen = (view, [left, top, right, bottom]) => [
  view.x + left * view.scale, view.y + top * view.scale, view.x + right * view.scale, view.y + bottom * view.scale,
];
const toPicture = (view, [x, y]) => [(x - view.x) / view.scale, (y - view.y) / view.scale];
const joinedBox = (boxes) => [
  Math.min(...boxes.map((box) => box[0])), Math.min(...boxes.map((box) => box[1])),
  Math.max(...boxes.map((box) => box[2])), Math.max(...boxes.map((box) => box[3])),
];
