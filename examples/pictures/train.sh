#!/usr/bin/env bash
# Train ResNet-20 or DenseNet-121 on pictures of 32 x 32; every option goes to train.py.
#
# Usage: train.sh [--model resnet20|densenet121] [--epochs N] [--learning-rate X] [--batch-size N]
#                 [--weight-decay X] [--dropout X] [--seed N] [--limit-train N] [--limit-test N]
#                 [--data DIR] [--device auto|cpu|cuda]
#        train.sh --help      the options with their defaults
#
# Examples: ./train.sh --epochs 20 --learning-rate 0.05
#           ./train.sh --device cpu --epochs 2 --limit-train 2000 --limit-test 500
#
# Environment:
#   TRAIN_PYTHON      Python with PyTorch; default: the project's .venv/bin/python, else python3
#   OMP_NUM_THREADS, OPENBLAS_NUM_THREADS, MKL_NUM_THREADS
#                     threads of the linear algebra; default 1 each, so that trainings that run
#                     beside each other do not compete for the same cores
#   TANDEM_GPU_MEMORY_FRACTION
#                     share (0 to 1) of the GPU's memory that PyTorch may allocate; default: all
#
# Exit codes: 0 trained · 1 the training diverged, or the GPU's memory is full ·
#   2 wrong arguments, or something is missing
set -Eeuo pipefail
shopt -s inherit_errexit

here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
python=$here/../../.venv/bin/python
[[ -x $python ]] || python=python3
python=${TRAIN_PYTHON:-$python}
command -v -- "$python" >/dev/null || {
  printf 'train.sh: error: no Python at %s (set TRAIN_PYTHON to one with PyTorch)\n' "$python" >&2
  exit 2
}

export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
export OPENBLAS_NUM_THREADS="${OPENBLAS_NUM_THREADS:-1}"
export MKL_NUM_THREADS="${MKL_NUM_THREADS:-1}"
exec "$python" "$here/train.py" "$@"
