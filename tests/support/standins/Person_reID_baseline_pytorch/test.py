"""Stand-in for test.py: its flags, lines and files, no model (see ../README.md)."""

import argparse
import json
import os

from model import pretrained

parser = argparse.ArgumentParser()
for name, kind, default in (
    ("gpu_ids", str, "0"),
    ("which_epoch", str, "last"),
    ("test_dir", str, "../Market/pytorch"),
    ("name", str, "ft_ResNet50"),
    ("batchsize", int, 256),
    ("linear_num", int, 512),
    ("ms", str, "1"),
):
    parser.add_argument(f"--{name}", type=kind, default=default)
for name in ("use_dense", "use_efficient", "use_hr", "PCB", "multi", "fp16", "ibn", "usam"):
    parser.add_argument(f"--{name}", action="store_true")
opt = parser.parse_args()

with open(f"./model/{opt.name}/opts.yaml") as file:
    trained = json.load(file)
os.listdir(os.path.join(opt.test_dir, "gallery"))
os.listdir(os.path.join(opt.test_dir, "query"))
print("-------test-----------")
print(opt.batchsize, flush=True)  # the real one counts its pictures, after each batch
pretrained()
with open(f"./model/{opt.name}/net_{opt.which_epoch}.pth") as file:
    weights = json.load(file)
assert weights["lr"] == trained["lr"], "the weights are another training's"
with open("pytorch_result.mat", "w") as file:
    json.dump(weights, file)
print(opt.name)
os.system(f"python evaluate_gpu.py | tee -a ./model/{opt.name}/result.txt")
