#!/usr/bin/env bash
# lint.sh [--fix] [--changed] [layout]: the layout (clang-format), clang-tidy over what is in the build's
# compile_commands.json, shellcheck over scripts. "layout" alone stops after the first. Wants TROUPE_BUILD.
set -euo pipefail
root="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)"
cd "$root"
fix=() changed='' layout_only=''
for argument in "$@"; do
  case "$argument" in
    --fix) fix=(-i) ;;
    --changed) changed=yes ;;
    layout) layout_only=yes ;;
    *) echo "lint: unknown argument $argument; there are --fix, --changed and layout" >&2; exit 2 ;;
  esac
done

tracked() {
  if [ -n "$changed" ]; then
    { git diff --name-only --diff-filter=d "$(git merge-base HEAD main)"; git ls-files -o --exclude-standard; } | sort -u
  else
    git ls-files --cached --others --exclude-standard
  fi
}
mapfile -t cpp < <(tracked | grep -E '\.(cpp|hpp)$' || true)
mapfile -t scripts < <(tracked | grep -E '(\.sh$|^dev$|^\.ci/run$)' || true)
failed=0

layout() {
  [ "${#cpp[@]}" -gt 0 ] || return 0
  if [ "${#fix[@]}" -gt 0 ]; then clang-format -i "${cpp[@]}"; return; fi
  clang-format --dry-run -Werror "${cpp[@]}" || { echo "lint: layout differs; ./dev lint --fix writes it" >&2; return 1; }
}

# Files that see LibTorch's headers are left out: tidy takes most of a minute for each, nearly all of it in code
# that is not ours.
tidy() {
  local files=() file
  for file in "${cpp[@]}"; do
    [[ "$file" == *.cpp && "$file" != examples/* && "$file" != tests/fuzz/* ]] || continue
    grep -qE '#include [<"](torch|ATen|c10)/' "$file" || files+=("$file")
  done
  [ "${#files[@]}" -eq 0 ] || python3 "$root/tests/tools/tidy.py" "$TROUPE_BUILD" "${files[@]}"
}

layout || failed=1
if [ -z "$layout_only" ]; then
  tidy || failed=1
  if command -v shellcheck >/dev/null && [ "${#scripts[@]}" -gt 0 ]; then shellcheck "${scripts[@]}" || failed=1; fi
fi
[ "$failed" -eq 0 ] && echo "lint: nothing to complain about"
exit "$failed"
