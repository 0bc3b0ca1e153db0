"""Stand-in for trainer.py: its flags and its lines, no training (see ../README.md)."""

import argparse
import os
import random
import time

import resnet
import torch

print(resnet.MODELS)

parser = argparse.ArgumentParser()
parser.add_argument("--arch", "-a", default="resnet32", choices=resnet.MODELS)
for flag, kind, default in (
    (("-j", "--workers"), int, 4),
    (("--epochs",), int, 200),
    (("--start-epoch",), int, 0),
    (("-b", "--batch-size"), int, 128),
    (("--lr", "--learning-rate"), float, 0.1),
    (("--momentum",), float, 0.9),
    (("--weight-decay", "--wd"), float, 1e-4),
    (("--print-freq", "-p"), int, 50),
    (("--resume",), str, ""),
    (("--save-dir",), str, "save_temp"),
    (("--save-every",), int, 10),
):
    parser.add_argument(*flag, type=kind, default=default)
for flag in (("-e", "--evaluate"), ("--pretrained",), ("--half",)):
    parser.add_argument(*flag, action="store_true")


def line(name, loss, percent):
    print(f"{name}\tTime 0.010 (0.010)\tLoss {loss:.4f} ({loss:.4f})\tPrec@1 {percent} ({percent})")


def main():
    args = parser.parse_args()
    os.makedirs(args.save_dir, exist_ok=True)
    os.listdir("./data/cifar-10-batches-py")
    for epoch in range(args.start_epoch, args.epochs):
        print(f"current lr {args.lr:.5e}")
        line(f"Epoch: [{epoch}][0/391]", 2.3, "9.375")
        time.sleep(float(os.environ.get("STANDIN_EPOCH_S", "0.01")))
        line("Test: [0/79]", 1.1, "11.111")
        print(f" * Prec@1 {50 + 20 * random.random() + 20 * torch.rand():.3f}")
        with open(os.path.join(args.save_dir, "model.th"), "w") as file:
            file.write(args.arch)


if __name__ == "__main__":
    main()
