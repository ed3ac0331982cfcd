#!/bin/sh
# What `make run` shows: demo.sh KUBECONFIG [flags of local up]
# With a KUBECONFIG that cluster is read and nothing is written to it; without,
# a control plane on this machine is started and used.
set -eu
cd "$(dirname "$0")/../../.."
kubeconfig=$1
shift

say() { printf '\n\033[1m%s\033[0m\n' "$*" >&2; }
if [ ! -t 2 ] || [ -n "${NO_COLOR:-}" ]; then
  say() { printf '\n%s\n' "$*" >&2; }
fi
packetboat() {
  echo "\$ packetboat $*" >&2
  bin/packetboat "$@"
}

if [ -n "$kubeconfig" ]; then
  config=deploy/local/demo/readonly.yaml
  say "1. Your cluster, by $kubeconfig. Nothing is written to it: the checkpoint is the file .local/demo-checkpoint.json.
   A run delivers every event that is not delivered yet. The first one delivers all that the cluster still holds."
  packetboat run --config $config --kubeconfig "$kubeconfig"
  say "2. The same again. It goes on from the checkpoint: only what was written in between is delivered."
  packetboat run --config $config --kubeconfig "$kubeconfig"
  say "Next: copy $config and give it your receivers and rules (see README.md)."
  exit 0
fi

controlplane() { go run ./deploy/local/cmd/local "$@"; }
config=deploy/local/demo/demo.yaml
kubeconfig=.local/kubeconfig

say "1. A Kubernetes control plane on this machine: etcd, API server, controllers, scheduler."
controlplane up "$@"
say "2. A Deployment is created. The cluster's controllers write events about it."
controlplane demo
say "3. A run delivers every event that is not delivered yet, here to standard output as JSON lines, remembers in a
   ConfigMap of the cluster how far it is (the checkpoint), and ends with its Report."
packetboat run --config $config --kubeconfig $kubeconfig
say "4. Another Deployment, so that there are new events."
controlplane demo
say "5. The same run again. It goes on from the checkpoint: only what is new is delivered."
packetboat run --config $config --kubeconfig $kubeconfig
say "6. Where it is now."
packetboat status --config $config --kubeconfig $kubeconfig
say "That was $config. Repeat it with \`make run\`, try your own cluster, read only, with
\`make run KUBECONFIG=FILE\`, and stop the control plane with \`make local-down\`."
