#!/bin/sh
# Says what the suites run against besides their own fakes.
set -eu
cd "$(dirname "$0")/../../.."
kubernetes=$(sed -n 's/^\tk8s.io\/kubernetes \(v[^ ]*\)$/\1/p' deploy/local/controlplane/go.mod)
etcd=$(sed -n 's/^\tgo.etcd.io\/etcd\/server\/v3 \(v[^ ]*\).*$/\1/p' deploy/local/controlplane/go.mod)
browser=none
if [ "${CHROMIUM:-}" != none ]; then
  browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || echo "missing, which is an error")
fi
cat <<END
peers that take part:
  kube-apiserver, kube-controller-manager, kube-scheduler $kubernetes and etcd $etcd, built from source
  packetboat itself as processes that are killed, paused and cut off
  a browser for the status page: $browser
  versitygw, fake-gcs-server and toxiproxy, each built from source and said by the tests that start it
peers that do not: none; webhook, file, pipe and stdout need no server of anybody else
END
