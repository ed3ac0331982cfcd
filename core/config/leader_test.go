package config_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/packetboat/packetboat/core/config"
)

func TestLeaderElection(t *testing.T) {
	cfg, problems := load(t, "leaderElection: {enabled: true, leaderElectionID: ''}\n")
	assert.Empty(t, problems)
	assert.Equal(t, config.LeaderElection{
		Enabled: true, ID: "kubernetes-event-exporter",
		LeaseDuration: 15 * time.Second, RenewDeadline: 10 * time.Second, RetryPeriod: time.Second,
	}, cfg.LeaderElection)

	cfg, problems = load(t, "leaderElection: {leaderElectionID: a.b, namespace: ops, leaseDuration: 60s, renewDeadline: 40s, retryPeriod: 5s}\n")
	assert.Empty(t, problems)
	assert.Equal(t, config.LeaderElection{
		ID: "a.b", Namespace: "ops", LeaseDuration: time.Minute, RenewDeadline: 40 * time.Second, RetryPeriod: 5 * time.Second,
	}, cfg.LeaderElection)
}

// What client-go would refuse at the start, or silently cut off, is said with
// its position.
func TestLeaderElectionThatCannotBe(t *testing.T) {
	for text, want := range map[string]string{
		"leaderElectionID: My_Lease": "leaderElection.leaderElectionID: names a Lease of Kubernetes: a lowercase RFC 1123 subdomain must consist of",
		"namespace: a.b":             "leaderElection.namespace: cannot be a namespace: must not contain dots",
		"leaseDuration: 1500ms":      "leaderElection.leaseDuration: want whole seconds, 1s or more",
		"leaseDuration: 0s":          "leaderElection.leaseDuration: want whole seconds, 1s or more",
		"leaseDuration: 10s":         "leaderElection: renewDeadline, here 10s, must be less than leaseDuration, here 10s",
		"renewDeadline: 15s":         "leaderElection: renewDeadline, here 15s, must be less than leaseDuration, here 15s",
		"retryPeriod: 0s":            "leaderElection.retryPeriod: must be more than 0",
		"retryPeriod: 9s":            "leaderElection: renewDeadline, here 10s, must be more than 1.2 times retryPeriod, here 9s",
	} {
		cfg, problems := config.Load("c", []byte("leaderElection:\n  "+text+"\n"), options())
		assert.Nil(t, cfg, text)
		if assert.Len(t, problems, 1, text) {
			assert.Contains(t, problems[0].String(), "c:2:")
			assert.Contains(t, problems[0].String(), want)
		}
	}
}
