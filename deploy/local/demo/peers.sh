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
installed() {
  command -v "$1" >/dev/null && echo "$1" || echo "$1 (missing, which is an error unless PEERS_MISSING=allowed)"
}
cat <<END
peers that take part:
  kube-apiserver, kube-controller-manager, kube-scheduler $kubernetes and etcd $etcd, built from source
  packetboat itself as processes that are killed, paused and cut off
  a browser for the status page: $browser
  $(installed redis-server), $(installed rsyslogd), $(installed nats-server)
  built from source, and said by the tests that start them: versitygw, fake-gcs-server, toxiproxy, ZincSearch, an
    OpenTelemetry Collector; from their registries: moto, fauxqs
  with LIVE=all also Apache Kafka, Loki, OpenSearch and Google's Pub/Sub emulator
  in the tests' own process, always: kfake, pstest, miniredis, a NATS server
peers that do not take part, because they cannot be had: Splunk, Logstash, BigQuery, AWS and Google themselves; a fake
  speaks their documented protocol, and the receiver's README says so
END
