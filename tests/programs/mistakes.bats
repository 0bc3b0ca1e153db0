#!/usr/bin/env bats
# A mistake in how a program is called: what is wrong, the usage, where to find more. Three lines.

# bats itself notices a failed cd.
# shellcheck disable=SC2164

setup() {
  load helpers.bash
  mkdir "$BATS_TEST_TMPDIR/here"
  cd "$BATS_TEST_TMPDIR/here"
}

# Checks all that a mistaken call says, and that nothing comes of it.
mistaken() { # PROGRAM TEXT USAGE ARGUMENT ...
  local program=$1 text=$2 usage=$3
  shift 3
  run -2 --separate-stderr "$ROOT/bin/$program" "$@"
  local said
  local called=$program # with the command behind it, where it has some
  [[ $program != tandem || $usage == 'tandem COMMAND'* ]] || called+=" $1"
  printf -v said '%s\n' "$program: error: $text" "usage: $usage" "$called --help for more"
  [[ -z $output && $stderr == "${said%$'\n'}" ]] || {
    printf 'expected:\n%s\nsaid:\n%s\n' "$said" "$stderr"
    return 1
  }
  [[ -z $(ls) ]]
}

@test "bgrun" {
  local usage='bgrun --logs DIR [OPTION ...] -- COMMAND [ARG ...]'
  mistaken bgrun 'give a script, or a command after --' "$usage"
  mistaken bgrun 'unknown option "--lgos" (did you mean "--logs"?)' "$usage" --lgos logs -- true
  mistaken bgrun 'unknown option "--max" (did you mean "--max-rounds"?)' "$usage" --max 3 -- true
  mistaken bgrun 'unknown option "--colour" (a command stands after --)' "$usage" --colour -- true
  mistaken bgrun 'unknown option "-x" (a command stands after --)' "$usage" -x -- true
  mistaken bgrun 'write --logs VALUE, without =' "$usage" --logs=logs -- true
  mistaken bgrun '--grace takes a number of seconds, not "1h"' "$usage" --grace 1h -- true
  mistaken bgrun '--logs takes a value' "$usage" --logs
}

@test "fgrun" {
  local usage='fgrun --out DIR [OPTION ...] -- COMMAND [ARG ...]'
  mistaken fgrun 'give a folder for the results with --out' "$usage" -- true
  mistaken fgrun 'unknown option "--quite" (did you mean "--quiet"?)' "$usage" --quite -- true
  mistaken fgrun 'unknown option "--timout" (did you mean "--timeout"?)' "$usage" --timout 3 -- true
}

@test "nightly" {
  local usage='nightly [OPTION ...] CONFIG ... [-- DRIVER_OPTION ...]'
  mistaken nightly 'give a settings file' "$usage"
  mistaken nightly 'unknown option "--util" (did you mean "--until"?)' "$usage" --util 06:30 a.json
  mistaken nightly 'unknown option "--seed" (those of tandem run stand after --)' "$usage" --seed 1
  mistaken nightly '--logs takes a number from 1, not "x"' "$usage" --logs x a.json
}

@test "powermon" {
  local usage='powermon --out DIR [OPTION ...]'
  mistaken powermon 'give a folder for the files with --out' "$usage"
  mistaken powermon 'unknown option "--intervall" (did you mean "--interval"?)' "$usage" --intervall 1
  mistaken powermon 'unknown option "--fore" (did you mean "--foreground"?)' "$usage" --fore 1
  mistaken powermon '--row takes a number of seconds, not "often"' "$usage" --out a --row often
}

@test "dose" {
  local usage='dose --out DIR (--intensity X | --target PERCENT) --keeper PID [--period S]'
  mistaken dose 'give --intensity or --target' "$usage" --out a --keeper 1
  mistaken dose 'unknown option "--intesity" (did you mean "--intensity"?)' "$usage" --intesity 1
  mistaken dose '--keeper takes a process id, not "-1"' "$usage" --keeper -1
}

@test "energy" {
  local usage='energy FOLDER [--from T] [--to T] [--json]'
  mistaken energy "give the folder of an experiment or of a run" "$usage"
  mistaken energy 'unknown option "--form" (did you mean "--from"?)' "$usage" --form 09:00 a
  mistaken energy 'unknown argument "b"' "$usage" a b
  mistaken energy '--from takes a value' "$usage" a --from
}

@test "tandem" {
  local usage='tandem COMMAND ...'
  mistaken tandem 'give COMMAND' "$usage"
  mistaken tandem 'unknown command "chekc" (did you mean "check"?)' "$usage" chekc a.json
  mistaken tandem 'unknown option "--seed" (options stand behind the command)' "$usage" --seed 3 run
  usage='tandem run [OPTION ...] [CONFIG]'
  mistaken tandem 'unknown option "--sed" (did you mean "--seed"?)' "$usage" run --sed=3 a.json
  mistaken tandem 'unknown option "--resum" (did you mean "--resume"?)' "$usage" run --resum a
  mistaken tandem 'unknown argument "b.json"' "$usage" run a.json b.json
  mistaken tandem '--seed takes a whole number, not "1.5"' "$usage" run --seed 1.5 a.json
  mistaken tandem '--wait-lock takes a number of seconds, not "1h"' "$usage" run --wait-lock 1h a.json
  mistaken tandem '--skip-invalid takes no value' "$usage" run --skip-invalid=yes a.json
  usage='tandem compare [OPTION ...] RUN [RUN ...]'
  mistaken tandem 'give RUN' "$usage" compare
  mistaken tandem '--format takes table, csv, json, markdown, not "jsn" (did you mean "json"?)' \
    "$usage" compare --format jsn a
  mistaken tandem '--lines and --json do not go together' 'tandem check [OPTION ...] [CONFIG]' \
    check --json --lines a.json
  mistaken tandem 'unknown option "--kep" (did you mean "--keep"?)' \
    'tandem prune --keep RULE [OPTION ...]' prune --kep logs=1
}
