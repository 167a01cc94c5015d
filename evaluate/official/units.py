"""What the numbers of a predicted span count, by name, so that the command line need load nothing to offer them."""

SECONDS = "seconds"
SHARE = "share"  # of the video's duration, as Gaussian masks give it; NExT-GQA's script calls that `gs`
UNITS = (SECONDS, SHARE)
