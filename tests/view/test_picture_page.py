"""The page with pictures, in a real browser: pointing, dragging and typing reach `edits.jsonl`, and text stays text."""

import json
import time

import pytest

from demitasse.cli import main

pytestmark = pytest.mark.network


def kept(folder):
    path = folder / "edits.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def boxes(row):
    return [box["bbox_2d"] for box in json.loads(row["changes"]["answer"])]


def wait_for(folder, count):
    end = time.monotonic() + 60
    while len(kept(folder)) < count:
        assert time.monotonic() < end, "the decision never reached the disk"
        time.sleep(0.02)
    return kept(folder)


def middle(frame):
    return (frame[0] + frame[2]) / 2, (frame[1] + frame[3]) / 2


def rectangle(browser, node):
    return browser.js(f"(({{left, top, right, bottom}}) => [left, top, right, bottom])({node}.getBoundingClientRect())")


def go_to(browser, words):
    browser.js(f"select(state.rows.findIndex((row) => row.item && titleOf(row.item) === {json.dumps(words)}))")
    browser.wait(
        "scene.image.complete && scene.medium === state.medium && scene.items.some((one) => one.item === current())"
    )


@pytest.fixture
def opened(pictures, serve, browser):
    """The folder, and the browser looking at its page."""
    with serve(pictures) as client:
        browser.open(client.server.address)
        browser.point(5, 5)
        yield pictures, browser
        browser.go("about:blank")


def lit(browser):
    return set(browser.js("scene.drawn.filter((one) => one.node.classList.contains('lit')).map((one) => one.name)"))


def lit_rows(browser):
    return browser.js("[...document.querySelectorAll('.row.lit .words')].map((node) => node.textContent)")


def test_the_boxes_of_the_expression_that_is_looked_at_are_lit_and_the_others_dim(opened):
    _, browser = opened
    assert lit(browser) == {"box 0 0", "region 0", "label 0"}
    assert browser.js("scene.drawn.find((one) => one.name === 'box 1 1').node.classList.contains('dim')")
    browser.key("j")
    assert {"box 1 0", "box 1 1"} <= lit(browser)


def test_pointing_at_a_box_lights_its_region_and_the_expressions_that_mean_it(opened):
    _, browser = opened
    browser.point(*middle(browser.frame("box 1 1")))
    assert lit(browser) == {"box 1 1", "region 2", "label 2"} and lit_rows(browser) == ["both cars"]
    assert browser.js("document.querySelector('.part.lit').textContent").startswith("red carcar 2")
    assert browser.js("document.querySelector('.tip').textContent") == "“both cars”\nred car: car 2"
    browser.point(5, 5)
    assert lit_rows(browser) == [] and browser.js("document.querySelector('.tip').hidden")


def test_pointing_at_a_line_lights_what_it_stands_for_and_a_click_keeps_it_lit(opened):
    _, browser = opened
    left, top, *_ = rectangle(browser, "document.querySelectorAll('.part')[2]")
    place = (left + 30, top + 8)
    browser.point(place[0], place[1] + 1)
    browser.point(*place)
    assert "box 1 1" in lit(browser)
    browser.drag(place, place)
    browser.point(5, 5)
    assert "box 1 1" in lit(browser) and "box 0 0" not in lit(browser)
    browser.key("Escape")
    assert "box 0 0" in lit(browser)


def test_a_corner_that_is_dragged_is_on_the_disk_as_the_expressions_new_box(opened):
    folder, browser = opened
    frame = browser.frame("box 0 0")
    browser.drag(middle(frame), middle(frame))  # takes it up
    scale = browser.js("scene.view.scale")
    browser.drag((frame[2], frame[3]), (frame[2] + 20 * scale, frame[3] - 10 * scale))
    (row,) = wait_for(folder, 1)
    assert row["decision"] == "edit" and boxes(row) == [[10, 11, 80, 30]]
    assert (row["task"], row["media"], row["who"]) == ("expression", "a.png", "vera")
    assert browser.js("decisionOf(current())") == "edit"


def test_a_box_that_is_dragged_keeps_its_size_and_the_picture(opened):
    folder, browser = opened
    go_to(browser, "both cars")
    start = middle(browser.frame("box 1 1"))
    browser.drag(start, (start[0] + 2000, start[1]))
    (row,) = wait_for(folder, 1)
    assert boxes(row) == [[10.0, 10.5, 60.0, 40.0], [140, 50, 200, 90]]  # the other one is as it was


# The page's timers wait until they are released, all at once; it tells how many there were.
HOLD = """(() => {
  const [set, clear, held] = [window.setTimeout, window.clearTimeout, new Map()];
  let last = 1e9;
  window.setTimeout = (work) => { last += 1; held.set(last, work); return last; };
  window.clearTimeout = (number) => held.delete(number);
  window.release = () => {
    [window.setTimeout, window.clearTimeout] = [set, clear];
    held.forEach((work) => work());
    return held.size;
  };
})()"""
RELEASE = "window.release()"


def test_keys_move_and_resize_a_box_and_z_takes_it_back(opened):
    folder, browser = opened
    browser.key("b")
    assert browser.js("document.activeElement.ariaLabel") == "Box 1 of 1: left 10, top 10.5, 50 wide, 29.5 high. car 0"
    browser.js(HOLD)  # or a slow browser pauses between two keys
    for _ in range(3):
        browser.key("ArrowRight")
    browser.key("ArrowDown", modifiers=8)
    assert kept(folder) == [] and browser.js(RELEASE) == 1, "one pause"
    (row,) = wait_for(folder, 1)  # one decision
    assert boxes(row) == [[13, 11, 63, 41]]
    assert browser.js("byId('said').textContent").startswith("Box 1 of 1: left 13, top 11")
    browser.key("z")
    assert wait_for(folder, 2)[-1]["decision"] == "open" and "changes" not in kept(folder)[-1]
    browser.key("Escape")
    browser.key("ArrowDown")
    assert browser.js("current().question") == "both cars"  # without a box the arrows walk


def test_boxes_are_added_by_drawing_or_by_key_and_removed(opened):
    folder, browser = opened
    left, top, *_ = browser.frame("label 2")
    scale = browser.js("scene.view.scale")
    browser.key("i")
    browser.drag((left, top), (left + 40 * scale, top + 30 * scale))
    assert boxes(wait_for(folder, 1)[-1])[1] == [120, 50, 160, 80]
    browser.key("i")
    browser.key("Enter")
    assert len(boxes(wait_for(folder, 2)[-1])) == 3
    browser.key("Delete")
    assert len(boxes(wait_for(folder, 3)[-1])) == 2
    browser.js("[...document.querySelectorAll('.boxline button[title]')].at(-1).click()")
    assert wait_for(folder, 4)[-1]["decision"] == "accept"  # nothing is changed any more
    browser.key("b")
    browser.key("x")
    browser.wait("byId('toast').textContent.includes('reject the expression instead')")
    assert len(kept(folder)) == 4


def test_a_phrase_is_edited_with_its_boxes_kept_and_accepting_keeps_the_corrections(opened):
    folder, browser = opened
    browser.key("b")
    browser.key("ArrowLeft")
    browser.key("e")  # what was moved is decided first
    browser.js("document.querySelector('#item textarea').value = 'the grey car'")
    browser.key("Enter", modifiers=2)
    row = wait_for(folder, 2)[-1]
    assert row["changes"]["question"] == "the grey car" and boxes(row) == [[9, 11, 59, 40]]
    browser.wait("current().question === 'both cars'")
    browser.key("k")
    browser.key("a")
    browser.key("r")
    last = wait_for(folder, 3)
    assert len(last) == 3 and last[-1]["decision"] == "reject"  # of the next one; the first is still edited
    assert browser.js("decisionOf(state.data.items[0])") == "edit"


def test_a_picture_that_exif_turns_has_its_boxes_where_it_is_displayed(opened):
    _, browser = opened
    go_to(browser, "the dot")
    browser.wait("scene.image.naturalWidth === 60 && scene.image.naturalHeight === 120")
    shown = rectangle(browser, "scene.image")
    left, top, right, bottom = browser.frame("box 2 0")
    assert (shown[3] - shown[1]) / (shown[2] - shown[0]) == pytest.approx(2)
    assert left == pytest.approx((shown[0] + shown[2]) / 2) and top == pytest.approx((shown[1] + shown[3]) / 2)
    assert right - left == pytest.approx((shown[2] - shown[0]) / 60)


def test_a_box_of_one_pixel_is_found_and_can_be_seen_from_near(opened):
    _, browser = opened
    go_to(browser, "the dot")
    browser.js("zoom(0.01)")
    x, y = middle(browser.frame("box 2 0"))
    browser.point(x + 4, y - 4)
    assert lit_rows(browser) == ["the dot"]
    browser.key("g")
    frame = browser.frame("box 2 0")
    assert frame[2] - frame[0] == pytest.approx(12)
    browser.key("0")
    assert browser.js("scene.view.scale === fitted(scene.size, scene.room).scale")


def test_layers_are_switched_by_key_and_say_so(opened):
    _, browser = opened
    for key, layer in (("5", "label"), ("6", "region"), ("7", "box"), ("9", "past")):
        browser.key(key)
        assert browser.js(f"document.querySelector('#layers .{layer}').ariaPressed") == "false"
        assert browser.js(
            f"[...document.querySelectorAll('.shape.{layer}')].every((one) => getComputedStyle(one).display === 'none')"
        )
        browser.key(key)
        assert browser.js(f"document.querySelector('#layers .{layer}').ariaPressed") == "true"


def test_five_hundred_boxes_are_drawn_and_pointed_at_in_time(opened, pictures, serve, tmp_path):
    _, browser = opened
    row = json.loads((pictures / "annotations.jsonl").read_text().splitlines()[0])
    some = [[x * 4.0, y * 5.0, x * 4.0 + 3, y * 5.0 + 3] for x in range(50) for y in range(10)]
    row["boxes"] = [{"bbox_px": box, "type": "Car", "line": at} for at, box in enumerate(some)]
    row["regions"] = [{"bbox_px": box, "description": f"car {at}", "box": at} for at, box in enumerate(some)]
    row["expressions"] = [
        {
            "text": "all",
            "expression_id": "e",
            "instances": [{"bbox_px": box, "bbox_id": str(at), "region": at} for at, box in enumerate(some)],
        }
    ]
    (tmp_path / "crowd").mkdir()
    (tmp_path / "crowd" / "annotations.jsonl").write_text(json.dumps(row) + "\n")
    with serve(tmp_path / "crowd", media=tmp_path / "images") as client:
        browser.open(client.server.address)
        assert browser.js("document.querySelectorAll('.shape').length") == 1500
        frame = browser.frame("region 77")
        ten = "for (let i = 0; i < 10; i += 1) point({ kind: 'region', index: i });"
        took = browser.js(f"(() => {{ const from = performance.now(); {ten} return performance.now() - from; }})()")
        assert took < 3000
        browser.point(*middle(frame))
        assert {"box 0 77", "region 77", "label 77"} == lit(browser)


def test_predicted_boxes_stand_beside_the_true_ones_and_nothing_is_decided(browser, pictures, serve, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    units = {"style": "gemini_yxyx_1000", "size": [1000, 1000], "image_size": [200, 100]}
    truth, reply = (json.dumps([{"bbox_2d": [100, 200, 500, right], "label": "the car"}]) for right in (400, 500))
    asked = {"item_id": "i", "task": "grounding", "video_id": "a.png", "question": "Where?", "reference": truth}
    (run / "items.jsonl").write_text(json.dumps({**asked, "extra": {"boxes": units}}) + "\n")
    (run / "predictions.jsonl").write_text(json.dumps({**asked, "response": reply, "finish": "stop"}) + "\n")
    with serve(run, decisions=False, media=tmp_path / "images") as client:
        browser.open(client.server.address)
        assert browser.js("scene.drawn.map((one) => [one.name, one.px.map(Math.round)])") == [
            ["box 0 0", [40, 10, 80, 50]],
            ["found 0", [40, 10, 100, 50]],
        ]
        assert browser.js("byId('trouble').textContent").startswith("These are predictions")
        assert "IoU 0.67 with box 1" in browser.js("byId('item').textContent")
        start = middle(browser.frame("box 0 0"))
        browser.drag(start, (start[0] + 60, start[1]))
        assert browser.js("scene.draft") is None and browser.js("state.edits.size") == 0


EVIL = "<img src=x onerror=document.title='pwned'>\u202e</script>"


def test_a_page_without_a_server_draws_the_same_and_lets_decisions_be_downloaded(browser, pictures, tmp_path):
    text = (pictures / "annotations.jsonl").read_text()
    for word in ("the left car", "car 0", "A street in a.png."):
        text = text.replace(json.dumps(word), json.dumps(EVIL))
    (pictures / "annotations.jsonl").write_text(text)
    assert main(["view", str(pictures), "--static", str(tmp_path / "page.html"), "--who", "vera"]) == 0
    browser.open((tmp_path / "page.html").as_uri())
    assert browser.js("document.title") == "referring – Demitasse" and browser.js("document.images.length") == 1
    browser.point(5, 5)
    browser.point(*middle(browser.frame("box 0 0")))
    assert EVIL in browser.js("document.querySelector('.tip').textContent")
    start = middle(browser.frame("box 0 0"))
    browser.drag(start, (start[0] + 30, start[1]))
    browser.wait("embedded.own.size === 1")
    (row,) = browser.js("[...embedded.own.values()]")
    assert row["decision"] == "edit" and boxes(row)[0][1] == 11 and row["who"] == "vera"
    browser.js("localStorage.clear(); embedded.unsaved = false")
    (tmp_path / "edits.jsonl").write_text(json.dumps(row) + "\n")
    out = tmp_path / "out"
    assert (
        main(["data", "apply-edits", str(pictures), "--edits", str(tmp_path / "edits.jsonl"), "--out", str(out)]) == 0
    )
    assert '"edited":true' in (out / "annotations.jsonl").read_text()
