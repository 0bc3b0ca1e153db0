#!/usr/bin/env bats
# bin/energy, as a person types it.

# What stands in single quotes must not expand; bats itself notices a failed cd.
# shellcheck disable=SC2016,SC2164

setup() {
  load helpers.bash
  export TZ=UTC
  cd "$BATS_TEST_TMPDIR"
}

# Makes a monitor's folder: a GPU of so many watts and 50 W of RAPL, a row a second.
# Boot time 1000 is 2026-01-01T00:00:00Z.
monitored() { # FOLDER FIRST_SECOND SECONDS WATTS
  local second joules
  mkdir -p "$1"
  {
    echo boottime_s,kind,energy_counter_mj,energy_trapezoid_j,power_mean_w,power_min_w,power_max_w,power_average_w,samples,largest_gap_s,unsampled_s,sm_percent,memory_percent,memory_used_mib,temperature_c,sm_clock_mhz,memory_clock_mhz,event_reasons,foreground_sm_percent,foreground_memory_mib,background_sm_percent,background_memory_mib,strangers_sm_percent,strangers_memory_mib
    for ((second = $2; second <= $2 + $3; second++)); do
      joules=$((second * $4))
      echo "$second,,${joules}000,$joules,$4,$4,$4,$4,10,0.1,0,75,30,1000,60,1400,1500,4,75,900,,,0,0"
    done
  } >"$1/gpu_0.csv"
  {
    echo boottime_s,kind,suspended_s,package_0_uj,foreground_cpu_s,foreground_pss_mib,foreground_largest_rss_mib,background_cpu_s,background_pss_mib,background_largest_rss_mib
    for ((second = $2; second <= $2 + $3; second++)); do
      # Behind the GPU's, as the monitor writes one file after the other.
      echo "$second.004,,0,$((second * 50))000000,$second,200,150,,,"
    done
  } >"$1/cpu.csv"
  echo '{"clock": {"boottime_s": 1000, "utc_s": 1767225600}, "gpus": [{"file": "gpu_0.csv", "index": 0, "uuid": "GPU-1", "name": "Board", "mig": false,
    "power_source": "instant", "mps": false, "processes_mapped": true, "missing": {}, "missing_since": {}}],
    "gpus_reason": null, "rapl": {"zones": [{"column": "package_0_uj"}], "reason": null},
    "warnings": []}' >"$1/monitor.json"
}

# Prints a value of the JSON in $output.
value() { # EXPRESSION
  python3 -c "import json, sys; facts = json.load(sys.stdin); print($1)" <<<"$output"
}

@test "energy prints a whole experiment, and why a figure is missing" {
  monitored run/one/energy 1000 60 100
  run -0 --separate-stderr "$ROOT/bin/energy" run/one
  [[ -z $stderr ]]
  [[ ${lines[0]} == one ]]
  [[ $output == *'59.996 s, 2026-01-01T00:00:00.004+00:00 to 2026-01-01T00:01:00.000+00:00'* ]]
  [[ $output == *'GPU 0         Board, GPU-1'* ]]
  [[ $output == *'energy      5999.6 J ± '*' J and ± 5 % '*'by counter; by trapezoid 5999.6 J'* ]]
  [[ $output == *'power       100.0 W mean, 100.0 W lowest, 100.0 W highest'* ]]
  [[ $output == *'foreground  SM 75.0 % mean, memory at most 900 MiB'* ]]
  [[ $output == *'background  not measured'* ]]
  [[ $output == *'clocks      held down by sw_power_cap'* ]]
  [[ $output == *'held down   sw_power_cap 100 % of the time, by samples'* ]]
  [[ $output == *'energy      package 2999.8 J; not measured: this machine has no RAPL zone for DRAM'* ]]
}

@test "energy names strangers, and what a terminal must not see is escaped" {
  monitored one/energy 1000 60 100
  {
    echo boottime_s,gpu,event,pid,kind,user,name,memory_mib,sm_percent
    printf '1010,gpu_0,seen,7,compute,ann,"a,\e[1m",300,\n'
    echo '1020,gpu_0,seen,8,compute,?,?,,20'
    echo '1030,gpu_0,gone,8,compute,?,?,,40'
  } >one/energy/strangers.csv
  run -0 --separate-stderr "$ROOT/bin/energy" one
  [[ $output == *'process 7 (a,\x1b[1m, user ann, compute), memory 300 MiB, SM not measured, seen 2026-01-01T00:00:10'*', still there'* ]]
  [[ $output == *'process 8 (?, user ?, compute), memory not measured, SM 40 %, seen '*', gone 2026-01-01T00:00:30'* ]]
}

@test "the energy folder itself is as good, seen from anywhere" {
  monitored run/one/energy 1000 60 100
  run -0 --separate-stderr "$ROOT/bin/energy" run/one
  local whole=$output
  cd run/one/energy
  run -0 --separate-stderr "$ROOT/bin/energy" .
  [[ $output == "$whole" ]]
}

@test "a window by date and time, in any zone, or by boot time is the same" {
  monitored one/energy 1000 60 100
  run -0 --separate-stderr "$ROOT/bin/energy" one --from 1010.5 --to 1030 --json
  [[ $(value 'round(facts["gpus"][0]["energy_joules"], 3)') == 1950.0 ]]
  local by_boottime=$output
  run -0 --separate-stderr "$ROOT/bin/energy" --json --from 2026-01-01T00:00:10.500 \
    --to 2026-01-01T00:00:30Z one
  [[ $output == "$by_boottime" ]]
  TZ=Asia/Tokyo run -0 --separate-stderr "$ROOT/bin/energy" one --json \
    --from 2026-01-01T01:00:10.500+01:00 --to '2026-01-01 09:00:30'
  [[ $output == "$by_boottime" ]]
}

@test "times are those of the clock on the wall, read and printed" {
  monitored one/energy 1000 180 100
  TZ=Asia/Tokyo run -0 --separate-stderr "$ROOT/bin/energy" one --from 09:01 --to 9:02:30
  [[ $output == *'90.000 s, 2026-01-01T09:01:00.000+09:00 to 2026-01-01T09:02:30.000+09:00'* ]]
  TZ=America/New_York run -0 --separate-stderr "$ROOT/bin/energy" one --from 19:01
  [[ $output == *', 2025-12-31T19:01:00.000-05:00 to 2025-12-31T19:03:00.000-05:00'* ]]
}

@test "what reaches beyond the samples is not measured, and says so" {
  monitored one/energy 1000 60 100
  run -0 --separate-stderr "$ROOT/bin/energy" one --from 1010 --to 1070 --json
  [[ $(value 'facts["gpus"][0]["energy_joules"]') == None ]]
  [[ $(value 'facts["gpus"][0]["energy_reason"]') == *'end 10.0 s before the window does' ]]
}

@test "of a run, every experiment with samples in the window, each for its own part" {
  monitored run/a/energy 1000 60 100
  monitored run/b/energy 1080 60 200
  monitored run/c/energy 1200 60 300
  run -0 --separate-stderr "$ROOT/bin/energy" run --from 1030 --to 1100 --json
  [[ $(value 'list(facts)') == "['a', 'b']" ]]
  [[ $(value '[round(each["gpus"][0]["energy_joules"]) for each in facts.values()]') == '[3000, 3999]' ]]
  run -0 --separate-stderr "$ROOT/bin/energy" run
  [[ ${lines[0]} == a ]]
  grep -qx b <<<"$output"
  grep -qx c <<<"$output"
}

@test "a file that grows is read up to its last whole line" {
  monitored one/energy 1000 60 100
  printf '1061,,1767' >>one/energy/gpu_0.csv
  printf '1061,17' >>one/energy/cpu.csv
  run -0 --separate-stderr "$ROOT/bin/energy" one --json
  [[ $(value 'round(facts["gpus"][0]["energy_joules"])') == 6000 ]]
}

@test "energy says what is wrong, and exits 2" {
  monitored one/energy 1000 60 100
  mkdir empty
  local -A sentences=(
    ['nowhere']='energy: error: there is no folder "nowhere"'
    ['empty']='energy: error: "empty" holds no samples: there is no monitor.json in it'
    ['one --from soon']='energy: error: --from takes HH:MM, a date and time in ISO 8601, or seconds on CLOCK_BOOTTIME, not "soon"'
    ['one --to nan']='energy: error: --to takes HH:MM, a date and time in ISO 8601, or seconds on CLOCK_BOOTTIME, not "nan"'
    ['one --from 1030 --to 1020']='energy: error: --from 1030 is not before --to 1020'
    ['one --from 2000']='energy: error: "one" holds no samples of that time'
  )
  local arguments
  for arguments in "${!sentences[@]}"; do
    # shellcheck disable=SC2086
    run -2 --separate-stderr "$ROOT/bin/energy" $arguments
    [[ -z $output ]]
    [[ $stderr == "${sentences[$arguments]}" ]]
  done
}

@test "energy --help is its header" {
  run -0 --separate-stderr "$ROOT/bin/energy" --help
  [[ -z $stderr ]]
  [[ ${lines[0]} == 'Print what a stretch of an experiment cost'* ]]
}
