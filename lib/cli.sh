# Shared by the commands in bin/: help from the header comment, messages, option values.
# Sourced; defines functions only. The name in messages is that of the command.
# shellcheck shell=bash

# Prints the header comment of a script: its help.
cli_help() { # SCRIPT
  local line
  while IFS= read -r line; do
    case $line in
      '#!'*) continue ;;
      '#'*) line=${line#'#'} && printf '%s\n' "${line#' '}" ;;
      *) return 0 ;;
    esac
  done <"$1"
}

# Prints the help and ends the script if that is asked for.
cli_offer_help() { # ARGUMENT ...
  local word
  for word; do
    if [[ $word == -h || $word == --help ]]; then cli_help "$0" && exit 0; fi
  done
}

# Becomes a Python program of lib/, which checks the arguments.
cli_become() { # PROGRAM ARGUMENT ...
  local python
  python=${TANDEM_PYTHON:-$(cli_python "${1%/lib/*}")}
  exec "$python" -X utf8 -E "$@"
}

# Prints one message to stderr; that nobody reads it any more is no failure.
cli_say() { # LEVEL TEXT
  printf '%s: %s: %s\n' "${0##*/}" "$1" "$2" >&2 2>/dev/null || true
}

# Ends the script because of a value it was given.
cli_fail() { # TEXT
  cli_say error "$1"
  exit 2
}

# Ends the script because of how it was called: what is wrong, the usage, and where to find more.
cli_fail_usage() { # TEXT
  local usage
  usage=$(cli_help "$0" | sed -n 's/^Usage: /usage: /p')
  cli_say error "$1"
  printf '%s\n' "${usage%%$'\n'*}" "${0##*/} --help for more" >&2 2>/dev/null || true
  exit 2
}

# Ends the script because of an option that its help does not have, with the nearest that it has.
cli_fail_option() { # WORD REMARK
  local word=${1%%=*} remark=$2 option distance least=3
  while read -r option; do
    if [[ $1 == "$option="* ]]; then cli_fail_usage "write $option VALUE, without ="; fi
    distance=0
    if [[ $option != "$word"* ]]; then
      distance=$(cli_distance "$word" "$option")
      [[ ${option:2:1} == "${word:2:1}" ]] || distance=$((distance + 1)) # few mistype the first letter
    fi
    if ((distance < least)); then least=$distance remark="did you mean \"$option\"?"; fi
  done < <(cli_help "$0" | sed -n 's/^  \(--[a-z-]*\).*/\1/p')
  cli_fail_usage "unknown option \"$word\" ($remark)"
}

# Prints how many letters make one word of another: added, left out or changed.
cli_distance() { # WORD WORD
  local row above best i j
  mapfile -t row < <(seq 0 "${#2}")
  for ((i = 1; i <= ${#1}; i++)); do
    best=${row[0]} row[0]=$i
    for ((j = 1; j <= ${#2}; j++)); do
      above=${row[j]}
      [[ ${1:i-1:1} == "${2:j-1:1}" ]] || best=$((best + 1))
      ((best <= above)) || best=$((above + 1))
      ((best <= row[j - 1])) || best=$((row[j - 1] + 1))
      row[j]=$best best=$above
    done
  done
  printf '%s' "${row[-1]}"
}

# Ends the script unless a value is a number of seconds.
cli_check_seconds() { # OPTION VALUE
  if [[ ! $2 =~ ^[0123456789]+([.][0123456789]+)?$ ]]; then
    cli_fail_usage "$1 takes a number of seconds, not \"$2\""
  fi
}

# Ends the script unless a value is a count from 1 on.
cli_check_count() { # OPTION VALUE
  if [[ ! $2 =~ ^[123456789][0123456789]{0,8}$ ]]; then
    cli_fail_usage "$1 takes a number from 1 on, not \"$2\""
  fi
}

# Prints the Python that runs the keeper: the project's own, or the system's; fails with 3 without.
cli_python() { # ROOT
  local python=$1/.venv/bin/python
  if [[ -x $python ]]; then
    printf '%s\n' "$python"
  elif ! command -v python3; then
    cli_say error "there is no python3 (install Python 3.10 or newer)"
    return 3
  fi
}

# Sets a variable to a path that does not depend on the working folder, nor begins with -.
cli_absolute() { # VARIABLE PATH
  if [[ $2 == /* ]]; then printf -v "$1" '%s' "$2"; else printf -v "$1" '%s' "$PWD/$2"; fi
}

# Sets a variable to a new folder's name for a run by hand, which never mixes with a record.
cli_by_hand_dir() { # VARIABLE SCRIPT KIND
  local script
  cli_absolute script "$2"
  printf -v "$1" '%s/by_hand/%(%Y%m%d_%H%M%S)T_%s_%s' "${script%/*}" -1 "$$" "$3"
}

# Makes a folder, or ends the script saying for which option.
cli_make_dir() { # OPTION FOLDER
  local problem
  if ! problem=$(mkdir -p -- "$2" 2>&1); then
    cli_fail "$1: ${problem#mkdir: }"
  fi
}

# Ends the script unless a file was rendered from a template, which a line of it shows.
cli_check_script() { # SCRIPT TEMPLATE LINE_START
  if [[ ! -f $1 ]]; then
    cli_fail "there is no script \"$1\" (a command stands after --)"
  fi
  if ! grep -q "^$3" -- "$1"; then
    cli_fail "\"$1\" was not rendered from templates/$2.j2 (a command stands after --)"
  fi
}
