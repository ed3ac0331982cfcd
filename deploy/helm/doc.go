// Package helm has the tests of the chart in packetboat/ and of the migration
// pages beside it.
//
// Without LIVE they hold together what people read: the values, their schema, the
// table in the README, and renderings in testdata/ that are Helm's own. With LIVE
// Helm itself renders, installs, upgrades and uninstalls the chart against a real
// API server, whose schemas kubeconform also holds it against.
package helm
