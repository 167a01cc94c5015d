"""What step 4 came to, in one line for the person."""

from annotate.referring.agreement import AgreementTotals


def row(*agreements):
    return {"expressions": [{"agreement": {"iou": iou, "found": found, "expected": 1}} for iou, found in agreements]}


def test_the_line_has_the_mean_the_low_ones_and_those_with_another_number_of_boxes():
    totals = AgreementTotals()
    totals.count(row((1.0, 1), (0.5, 2)))
    totals.count(row((0.0, 0)))
    assert totals.images == 2
    assert totals.line() == (
        "blind grounding of 3 expressions: mean IoU 0.50, 1 below 0.5, 2 with another number of boxes"
    )


def test_images_without_an_expression_have_no_mean():
    totals = AgreementTotals()
    totals.count(row())
    assert totals.line() == "blind grounding of 1 images: there was no expression to look for"
