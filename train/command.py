"""`demitasse train`: the training script in this process."""

from train.sft import add_train_arguments, run_train

__all__ = ["add_train_arguments", "run_train"]
