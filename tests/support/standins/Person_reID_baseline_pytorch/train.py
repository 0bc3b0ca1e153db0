"""Stand-in for train.py: its flags, lines and files, no training (see ../README.md)."""

import argparse
import json
import os
import random
import sys
import time
from shutil import copyfile

import torch
from model import pretrained

parser = argparse.ArgumentParser()
for name, kind, default in (
    ("gpu_ids", str, "0"),
    ("name", str, "ft_ResNet50"),
    ("data_dir", str, "../Market/pytorch"),
    ("batchsize", int, 32),
    ("erasing_p", float, 0),
    ("lr", float, 0.05),
    ("weight_decay", float, 5e-4),
    ("total_epoch", int, 60),
    ("linear_num", int, 512),
    ("stride", int, 2),
    ("droprate", float, 0.5),
    ("warm_epoch", int, 0),
):
    parser.add_argument(f"--{name}", type=kind, default=default)
for name in ("train_all", "color_jitter", "fp16", "bf16", "use_dense", "use_hr", "PCB"):
    parser.add_argument(f"--{name}", action="store_true")
opt = parser.parse_args()


def bar(phase):
    """A bar that is drawn over itself, on stderr."""
    for done in range(0, 12937, 4312):
        percent = 100 * done // 12936
        print(f"\r{percent}%|##   | {done}/12936 [phase={phase}]", end="", file=sys.stderr)
    print(file=sys.stderr)


def train_model(folder):
    for epoch in range(opt.total_epoch):
        print(f"Epoch {epoch}/{opt.total_epoch - 1}")
        bar("train")
        time.sleep(float(os.environ.get("STANDIN_EPOCH_S", "0.01")))
        bar("val")
        if epoch % 10 == 9:
            weights = {"lr": opt.lr, "chance": [random.random(), torch.rand()]}
        with open(f"{folder}/train.jpg", "w"):
            pass
    print("Training complete in 0m 1s")
    with open(f"{folder}/net_last.pth", "w") as file:
        json.dump(weights, file)


os.listdir(os.path.join(opt.data_dir, "train"))
os.listdir(os.path.join(opt.data_dir, "val"))
pretrained()
folder = os.path.join("./model", opt.name)
if not os.path.isdir(folder):
    os.mkdir(folder)
copyfile("./train.py", f"{folder}/train.py")
copyfile("./model.py", f"{folder}/model.py")
with open(f"{folder}/opts.yaml", "w") as file:
    json.dump(vars(opt), file)
train_model(folder)
