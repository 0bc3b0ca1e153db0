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

# Ends the script because of how it was called.
cli_fail_usage() { # TEXT
  cli_say error "$1"
  cli_help "$0" >&2
  exit 2
}

# Ends the script unless a value is a number of seconds.
cli_check_seconds() { # OPTION VALUE
  if [[ ! $2 =~ ^[0123456789]+([.][0123456789]+)?$ ]]; then
    cli_fail "$1 takes a number of seconds, not \"$2\""
  fi
}

# Ends the script unless a value is a count from 1 on.
cli_check_count() { # OPTION VALUE
  if [[ ! $2 =~ ^[123456789][0123456789]{0,8}$ ]]; then
    cli_fail "$1 takes a number from 1 on, not \"$2\""
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
