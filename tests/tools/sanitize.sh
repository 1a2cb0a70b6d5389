#!/usr/bin/env bash
# sanitize.sh address|thread|fuzz|torch [seconds]: builds a second tree with a sanitizer and runs what belongs under it.
#   address  address and undefined behaviour over every test that knows no LibTorch (build-asan)
#   thread   data races in slices, collectives and actors, without LibTorch, which is not instrumented (build-tsan)
#   fuzz     every fuzzer (clang, libFuzzer, address and undefined behaviour; build-fuzz): 60 seconds each from the
#            committed corpus alone and a fixed seed; with SECONDS, so long, from what earlier runs found too
#   torch    address over the tests that use LibTorch, as far as that goes (build-asan-torch); see docs/building.md
set -euo pipefail
root="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)"
kind="${1:-}"
seconds="${2:-60}"
keep="${2:+yes}"
compilers="${TROUPE_JOBS:-$(nproc)}"
# Quick to compile; where the tests' own arithmetic takes longest (thread), quick to run.
optimise=-O1
[ "$kind" != thread ] || optimise=-O2
[[ "$seconds" =~ ^[1-9][0-9]*$ ]] || { echo "sanitize: seconds: a whole number above 0, not $seconds" >&2; exit 2; }

# Two runs at once would build into the same folder: the second waits.
hold() {
  mkdir -p "$1"
  exec 8>"$1/.lock"
  flock 8
}

configure() {
  local folder="$1"
  shift
  hold "$folder"
  cmake -S "$root" -B "$folder" -G Ninja -DTROUPE_BENCH=OFF -DTROUPE_VENV="${TROUPE_VENV:-$root/.venv}" \
    -DCMAKE_BUILD_TYPE=Sanitize "-DCMAKE_CXX_FLAGS_SANITIZE=$optimise" "$@" >"$folder/configure.log" 2>&1 8>&- ||
    { tail -n 30 "$folder/configure.log" >&2; echo "sanitize: cmake failed in $folder" >&2; exit 1; }
}

# A test's target is called what ctest calls it; a test that is a script has none.
build_and_test() {
  local folder="$1" tests="$2" names
  names="$(ctest --test-dir "$folder" -N -R "$tests" | sed -n 's/^ *Test *#[0-9]*: *//p')"
  [ -n "$names" ] || { echo "sanitize: no test matches $tests" >&2; exit 1; }
  names="$(comm -12 <(sort <<<"$names") <(ninja -C "$folder" -t targets all | sed -n 's/^\([a-z_0-9]*\): phony$/\1/p' | sort))"
  # shellcheck disable=SC2086  # a list of names, to be split
  ninja -C "$folder" -j "$compilers" --quiet $names 8>&-
  ctest --test-dir "$folder" --output-on-failure -j "$compilers" -R "^(${names//$'\n'/|})\$" 8>&-
}

fuzz() {
  local folder="$root/build-fuzz" names name pids=() failed=0
  configure "$folder" -DCMAKE_CXX_COMPILER=clang++ -DTROUPE_TORCH=OFF -DTROUPE_FUZZ=ON
  names="$(ninja -C "$folder" -t targets all | sed -n 's/^\(fuzz_[a-z_0-9]*\): phony.*/\1/p' | sort -u)"
  [ -n "$names" ] || { echo "sanitize: no fuzzer is defined in tests/fuzz" >&2; exit 1; }
  # shellcheck disable=SC2086
  ninja -C "$folder" -j "$compilers" --quiet $names 8>&-
  for name in $names; do
    local corpus=("$folder/corpus/$name") seed=()
    # the test's run is to start like the last one
    [ -n "$keep" ] || { corpus=("$folder/corpus-of-test/$name") seed=(-seed=1); rm -rf "${corpus[0]}"; }
    mkdir -p "${corpus[0]}"
    [ ! -d "$root/tests/fuzz/corpus/${name#fuzz_}" ] || corpus+=("$root/tests/fuzz/corpus/${name#fuzz_}")
    echo "sanitize: $name for $seconds s"
    "$folder/tests/fuzz/$name" "${seed[@]}" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
      -artifact_prefix="$folder/$name-" "${corpus[@]}" >"$folder/$name.log" 2>&1 8>&- &
    pids+=("$!:$name")
    # as many at a time as there are cores
    [ "$(jobs -rp | wc -l)" -lt "$(nproc)" ] || wait -n || true
  done
  for name in "${pids[@]}"; do
    if wait "${name%%:*}"; then
      echo "sanitize: ${name#*:}: $(sed -n 's/^stat::number_of_executed_units: *//p' "$folder/${name#*:}.log") inputs, nothing found"
    else
      failed=1
      tail -n 40 "$folder/${name#*:}.log"
      echo "sanitize: ${name#*:} found a fault; the input is $folder/${name#*:}-*"
    fi
  done
  return "$failed"
}

export ASAN_OPTIONS="detect_leaks=1:detect_stack_use_after_return=1:strict_init_order=1${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
export UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1"
export TSAN_OPTIONS="suppressions=$root/tests/tsan.supp:second_deadlock_stack=1:history_size=4"
export LSAN_OPTIONS="suppressions=$root/tests/lsan.supp:print_suppressions=0"
case "$kind" in
  address)
    configure "$root/build-asan" -DTROUPE_TORCH=OFF -DTROUPE_SANITIZE=address,undefined
    build_and_test "$root/build-asan" '^test_'
    ;;
  thread)
    configure "$root/build-tsan" -DTROUPE_TORCH=OFF -DTROUPE_SANITIZE=thread
    build_and_test "$root/build-tsan" '^test_(gpu|actors|tools_caf|transport_(frame|plane|group))$'
    ;;
  torch)
    configure "$root/build-asan-torch" -DTROUPE_TORCH=ON -DTROUPE_SANITIZE=address
    build_and_test "$root/build-asan-torch" '^test_(train_gan|gpu_torch)'
    ;;
  fuzz) fuzz ;;
  *)
    echo "usage: sanitize.sh address|thread|fuzz|torch [seconds]" >&2
    exit 2
    ;;
esac
