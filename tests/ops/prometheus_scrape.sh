#!/bin/bash
# A real Prometheus scrapes a program that serves every metric; every family of docs/metrics.md must have samples, and
# promtool must find nothing wrong. usage: prometheus_scrape.sh DEMO docs/metrics.md
set -euo pipefail
demo=$1 page=$2
folder=$(mktemp -d)
server=
cleanup() {
  [ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null || true
  exec 7>&- || true
  wait 2>/dev/null || true
  rm -rf "$folder"
}
trap cleanup EXIT
mkfifo "$folder/in"
"$demo" <"$folder/in" >"$folder/port" &
exec 7>"$folder/in"  # closed at the end: the demo leaves by itself

# within SECONDS COMMAND…: true as soon as the command is, false after so many seconds
within() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.2
  done
}
within 10 test -s "$folder/port" || { echo "the demo serves nothing" >&2; exit 1; }
target=127.0.0.1:$(cat "$folder/port")

curl -sf "http://$target/metrics" >"$folder/metrics.txt"
lint=$(promtool check metrics <"$folder/metrics.txt" 2>&1) || { echo "promtool: $lint" >&2; exit 1; }
[ -z "$lint" ] || { echo "promtool: $lint" >&2; exit 1; }

cat >"$folder/prometheus.yml" <<YAML
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: troupe
    honor_labels: true
    static_configs: [{targets: ["$target"]}]
YAML
listening() { curl -sf "http://$web/-/ready" >"$folder/ready" 2>&1; }
started=
for attempt in 1 2 3 4 5; do  # a port that another program takes meanwhile: try the next
  web=127.0.0.1:$((20000 + RANDOM % 20000))
  prometheus --config.file="$folder/prometheus.yml" --storage.tsdb.path="$folder/data" \
    --web.listen-address="$web" >"$folder/log" 2>&1 &
  server=$!
  running() { listening || ! kill -0 "$server" 2>/dev/null; }
  within 30 running || true
  if listening && kill -0 "$server" 2>/dev/null; then started=1; break; fi
  kill "$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
  server=
done
[ -n "$started" ] || { cat "$folder/log" >&2; exit 1; }

query() { curl -sf --get "http://$web/api/v1/query" --data-urlencode "query=$1"; }
up() { query 'up{job="troupe"} == 1' | grep -q '"value"'; }
within 30 up || { echo "the target never came up" >&2; query up >&2; exit 1; }

count=0
while read -r name type; do
  [ "$type" != histogram ] || name=${name}_count
  query "$name" | grep -q '"value"' || { echo "no samples of $name" >&2; exit 1; }
  count=$((count + 1))
done < <(sed -nE 's/^\| `(troupe_[a-z_]+)` \| ([a-z]+) \|.*/\1 \2/p' "$page")
[ "$count" -ge 20 ] || { echo "only $count metrics in $page" >&2; exit 1; }
echo "$count metrics have samples"
