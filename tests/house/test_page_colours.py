"""Text is told from its ground on every page, in light and dark: a contrast of 4.5 (WCAG 2.2, 1.4.3)."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCHEMES = pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
PLAIN = dict.fromkeys(("ink", "faint", "accent"), ("paper", "card"))
WASHES = {name: (f"{name}-wash",) for name in ("good", "bad", "unsure", "blue")}
# A chosen row of the list lies on `wash`, a right option on `good-wash`.
VIEW = PLAIN | WASHES | {"faint": ("paper", "card", "raised", "wash", "good-wash"), "accent": ("paper", "card", "wash")}
PAGES = {
    "evaluate/report/style.css": PLAIN | {"good": ("paper", "card"), "bad": ("paper", "card")},
    "evaluate/calibrating/label.html": PLAIN,
    "demitasse/view/page/page.css": VIEW,
}


@SCHEMES
@pytest.mark.parametrize("page", PAGES)
def test_text_is_told_from_its_ground(page, scheme):
    text = (ROOT / page).read_text(encoding="utf-8")
    palette = dict(re.findall(r"--([\w-]+): (#\w{6});", text.split(":root {")[1 + scheme].split("}")[0]))
    found = {(ink, on): contrast(palette[ink], palette[on]) for ink, grounds in PAGES[page].items() for on in grounds}
    assert min(found.values()) >= 4.5, found


@SCHEMES
def test_a_tag_of_the_report_is_told_from_its_ground(scheme):
    text = (ROOT / "evaluate/report/style.css").read_text(encoding="utf-8")
    ink, ground = (re.findall(part, text)[scheme] for part in (r"--warn: (#\w{6})", r"\.tag \{[^}]*(#\w{6})"))
    assert contrast(ink, ground) >= 4.5


def test_black_on_white_is_the_greatest_contrast():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


def contrast(one: str, other: str) -> float:
    """Of two colours, as WCAG defines it: from 1 to 21."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """WCAG's relative luminance, from 0 to 1."""
    shares = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return sum(weight * share for weight, share in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
