#!/usr/bin/env bash
# Starts a collector on this machine, enrols this machine's agent and reports once.
# Data stays in .muster/; Ctrl-C ends everything that was started here.
#   MUSTER_LISTEN   address to listen on, 127.0.0.1:8443 unless given
#   MUSTER_DATA     where the data goes, .muster unless given
set -euo pipefail
cd "$(dirname "$0")/.."
data=${MUSTER_DATA:-.muster} listen=${MUSTER_LISTEN:-127.0.0.1:8443}
mkdir -p "$data"
data=$(cd "$data" && pwd)
chmod 700 "$data"
log=$data/collector.log
: >"$log"

pids=()
stop() {
  trap - EXIT INT TERM
  for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done
  wait 2>/dev/null || true
  echo
  echo "stopped; the data is in $data (make run continues with it)"
}
trap stop EXIT
trap 'exit 0' INT TERM

# In a process group of its own each, so that Ctrl-C reaches only this script, which ends them in order.
setsid bin/muster-collector serve --data-dir "$data/collector" --listen "$listen" 2>>"$log" &
pids+=($!)
for _ in $(seq 300); do
  grep -q 'ready' "$log" && break
  kill -0 "${pids[0]}" 2>/dev/null || { echo "the collector did not start:"; tail -n 5 "$log"; exit 1; }
  sleep 0.1
done
grep -q 'ready' "$log" || { echo "the collector was not ready within 30 s:"; tail -n 5 "$log"; exit 1; }

export MUSTER_URL=https://$listen MUSTER_CA=$data/collector/ca.pem
MUSTER_TOKEN=$(cat "$data/collector/admin.token")
export MUSTER_TOKEN

if [ ! -e "$data/agent/identity.json" ]; then
  token=$(bin/muster-collector token create --data-dir "$data/collector" --uses 1 --ttl 1h)
  MUSTER_ENROLL_TOKEN=$token bin/muster-agent enroll --state-dir "$data/agent" --collector "$MUSTER_URL"
fi
bin/muster-agent report --once --state-dir "$data/agent"
setsid bin/muster-agent run --state-dir "$data/agent" 2>>"$data/agent.log" &
pids+=($!)

cat <<TEXT

  address    $MUSTER_URL  (its certificate is from its own authority: $MUSTER_CA)
  sign in    with the token in $data/collector/admin.token
  ask        export MUSTER_URL=$MUSTER_URL MUSTER_CA=$MUSTER_CA MUSTER_TOKEN=\$(cat $data/collector/admin.token)
             bin/muster assets
  logs       $log, $data/agent.log

TEXT
bin/muster assets | head -n 12
echo
echo "running; Ctrl-C ends it"
wait "${pids[0]}"
