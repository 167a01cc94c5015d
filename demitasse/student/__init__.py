"""The Qwen-VL students: encode an item to tensors, load, generate. Training and asking share `encode`."""
