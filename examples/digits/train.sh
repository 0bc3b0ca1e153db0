#!/usr/bin/env bash
# Train the digits classifier; every option goes to train.py.
#
# Usage: train.sh [--epochs N] [--learning-rate X] [--batch-size N] [--dropout X]
#                 [--weight-decay X] [--seed N] [--hidden-width N] [--device auto|cpu|cuda]
#        train.sh --help      the options with their defaults
#
# Example: ./train.sh --epochs 20 --learning-rate 0.02
#
# Environment:
#   TANDEM_PYTHON     Python with NumPy; default: the project's .venv/bin/python, else python3
#   OMP_NUM_THREADS, OPENBLAS_NUM_THREADS, MKL_NUM_THREADS
#                     threads of the linear algebra; default 1 each, so that trainings that run
#                     beside each other do not compete for the same cores
#
# Exit codes: 0 trained, 1 the training diverged, 2 wrong arguments or something is missing.
set -Eeuo pipefail
shopt -s inherit_errexit

here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
python=$here/../../.venv/bin/python
[[ -x $python ]] || python=python3
python=${TANDEM_PYTHON:-$python}
command -v -- "$python" >/dev/null || {
  printf 'train.sh: error: no Python at %s (set TANDEM_PYTHON to one with NumPy)\n' "$python" >&2
  exit 2
}

export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
export OPENBLAS_NUM_THREADS="${OPENBLAS_NUM_THREADS:-1}"
export MKL_NUM_THREADS="${MKL_NUM_THREADS:-1}"
exec "$python" "$here/train.py" "$@"
