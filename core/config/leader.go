package config

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
)

// LeaderElection is for watch mode with several replicas: a Kubernetes Lease
// says which of them is at work.
type LeaderElection struct {
	// Enabled lets one replica of several work.
	Enabled bool `yaml:"enabled"`
	// ID is the name of the Lease; default kubernetes-event-exporter.
	ID string `yaml:"leaderElectionID"`
	// Namespace is where the Lease is; default "", which is where the process
	// runs, outside a cluster the namespace default.
	Namespace string `yaml:"namespace"`
	// LeaseDuration, in whole seconds, is how long a leader that is not heard of
	// any more keeps the others waiting; default 15s.
	LeaseDuration time.Duration `yaml:"leaseDuration"`
	// RenewDeadline is how long a leader tries to renew the Lease before it stops
	// its work; default 10s. It is less than LeaseDuration: the work ends before
	// another's begins.
	RenewDeadline time.Duration `yaml:"renewDeadline"`
	// RetryPeriod is how often the leader renews, and with up to 1.2 times as much
	// on top how often the others look; default 1s. Upstream's is 2s, by which a
	// new leader can be found 24s after the old one was killed.
	RetryPeriod time.Duration `yaml:"retryPeriod"`
}

func defaultLeaderElection() LeaderElection {
	return LeaderElection{
		ID:            "kubernetes-event-exporter",
		LeaseDuration: 15 * time.Second, RenewDeadline: 10 * time.Second, RetryPeriod: time.Second,
	}
}

func (l *loader) checkLeaderElection(top place) {
	e := &l.config.LeaderElection
	if e.ID == "" {
		e.ID = defaultLeaderElection().ID
	}
	if why := validation.IsDNS1123Subdomain(e.ID); len(why) > 0 {
		l.wrong(top, "leaderElection.leaderElectionID", "names a Lease of Kubernetes: "+strings.Join(why, "; "), "")
	}
	if why := validation.IsDNS1123Label(e.Namespace); e.Namespace != "" && len(why) > 0 {
		l.wrong(top, "leaderElection.namespace", "cannot be a namespace: "+strings.Join(why, "; "), "")
	}
	switch {
	case e.LeaseDuration < time.Second || e.LeaseDuration%time.Second != 0:
		// The field of the Lease has whole seconds; what is cut off would end it too early.
		l.wrong(top, "leaderElection.leaseDuration", "want whole seconds, 1s or more", "")
	case e.RetryPeriod <= 0:
		l.wrong(top, "leaderElection.retryPeriod", "must be more than 0", "")
	// One of the two may be a default, so that neither key is at fault by itself.
	case e.RenewDeadline >= e.LeaseDuration:
		l.wrong(top, "leaderElection", fmt.Sprintf("renewDeadline, here %s, must be less than leaseDuration, here %s",
			e.RenewDeadline, e.LeaseDuration), "a leader stops before another one begins")
	case float64(e.RenewDeadline) <= 1.2*float64(e.RetryPeriod): // client-go spreads the retries by so much
		l.wrong(top, "leaderElection", fmt.Sprintf("renewDeadline, here %s, must be more than 1.2 times retryPeriod, here %s",
			e.RenewDeadline, e.RetryPeriod), "")
	}
}
