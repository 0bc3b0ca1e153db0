#!/usr/bin/env bash
# Measure two real trainings on a GPU, alone and together, and print the figures as Markdown.
#
# Usage: gpu.sh [--settings FILE] [--registry FILE] [--root DIR] [--out DIR] [--windows "S S ..."]
#        gpu.sh --checks [--set]
#
# First the background of the settings is looped by itself: the cost of powermon, and how often the
# board's sensors have news. Then driver.py runs the settings with all their controls. Meanwhile a
# loop asks nvidia-smi for the power once a second, as is often done; windows of several lengths
# are cut out of the solo control and of its parallel twin, and for each the energy by the board's
# counter, by the trapezoid over its power and by the sum of that loop stand side by side. Progress
# goes to stderr, and what was measured stays in the folder. Keep the output in docs/measured.md.
#
# Options:
#   --settings FILE   settings with a parallel entry and controls.solo (examples/gpu_pair.json)
#   --registry FILE   as for driver.py
#   --root DIR        as for driver.py
#   --out DIR         a new folder for what is measured (results/bench_gpu_DATE_TIME)
#   --windows "S S"   seconds, multiples of the first ("5 30 120")
#   --checks          instead, in two minutes: one line each on compute mode, the watts of a bare
#                     context, GPM counters, MPS's daemon, two of its clients, and one stopped
#   --set             with --checks: set power limit and SM clock too, and put them back (root; SM
#                     clocks that somebody had locked are unlocked then: NVML does not tell of them)
#   -h, --help        this text
#
# CUDA_VISIBLE_DEVICES chooses the GPU: the first visible one is reported. The trainings of
# examples/pictures need PyTorch and pictures: see its README.md.
#
# Overhead: the loop costs what nvidia-smi costs; every first length a row more of the monitor.
#
# Exit codes: 0 · 1 an experiment failed, nothing can be said · 2 usage or settings ·
#   3 no GPU, or it is busy · 128+N ended by signal N
#
# Examples:
#   CUDA_VISIBLE_DEVICES=0 bench/gpu.sh >>docs/measured.md
#   bench/gpu.sh --settings my_pair.json --windows "5 30"
#   CUDA_VISIBLE_DEVICES=0 bench/gpu.sh --checks >>docs/measured.md
set -Eeuo pipefail
shopt -s inherit_errexit
export LC_ALL=C TZ=UTC

IFS= read -r -d '' self < <(readlink -z -f -- "${BASH_SOURCE[0]}")
readonly self root=${self%/*/*}
# shellcheck source=lib/cli.sh
source "$root/lib/cli.sh"

main() {
  local settings=$root/examples/gpu_pair.json out='' windows='5 30 120' length
  local -a driver_options=() checks=()
  printf -v out '%s/results/bench_gpu_%(%Y%m%d_%H%M%S)T' "$root" -1
  while (($# > 0)); do
    case $1 in
      -h | --help) cli_help "$0" && exit 0 ;;
      --settings | --registry | --root | --out | --windows)
        (($# > 1)) || cli_fail_usage "$1 takes a value"
        ;;&
      --checks | --set)
        checks+=("$1")
        shift
        continue
        ;;
      --settings) settings=$2 ;;
      --registry | --root) driver_options+=("$1" "$2") ;;
      --out) out=$2 ;;
      --windows) windows=$2 ;;
      *) cli_fail_usage "unknown option \"$1\"" ;;
    esac
    shift 2
  done
  if ((${#checks[@]} > 0)); then
    [[ " ${checks[*]} " == *' --checks '* ]] || cli_fail_usage "--set goes with --checks"
    exec "$(cli_python "$root")" -X utf8 "$root/bench/gpu_checks.py" "${checks[@]}"
  fi
  for length in $windows; do cli_check_seconds --windows "$length"; done
  [[ -f $settings ]] || cli_fail "--settings: there is no file \"$settings\""
  [[ ! -e $out ]] || cli_fail "--out: \"$out\" is there already"
  exec "$(cli_python "$root")" -X utf8 "$root/bench/gpu.py" "$out" "$settings" "$windows" \
    "${driver_options[@]}"
}

main "$@"
