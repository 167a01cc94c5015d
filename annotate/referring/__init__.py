"""From images and KITTI boxes to referring expressions: TAO's steps, and a check by a second model."""
