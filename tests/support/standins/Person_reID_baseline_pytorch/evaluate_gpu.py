"""Stand-in for evaluate_gpu.py: its line, with figures that tell which training they are of.

Rank@1 is 0.5 + the learning rate, mAP depends on the seed.
"""

import json

import torch  # noqa: F401  it must be found, as the real one's modules must

with open("pytorch_result.mat") as file:
    result = json.load(file)
rank1, chance = 0.5 + result["lr"], sum(result["chance"]) / 2
print(f"Rank@1:{rank1:f} Rank@5:{rank1 + 0.1:f} Rank@10:{rank1 + 0.2:f} mAP:{chance:f}")
