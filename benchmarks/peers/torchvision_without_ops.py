"""Lets torchvision's wheel from the package index be imported beside a CPU build of torch.

Its native part does not load there. These two operators are all that its import asks of that part, and no processor
calls them.
"""

from __future__ import annotations

import torch

LIBRARY = torch.library.Library("torchvision", "FRAGMENT")
LIBRARY.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
LIBRARY.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
