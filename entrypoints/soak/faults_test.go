package soak

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local"
)

// A fault is something that happens to the processes, until they are at work
// again.
type fault struct {
	name   string
	happen func(t *testing.T)
}

func (s *soak) faults() []fault {
	return []fault{
		{"API server killed and started again", s.restartServer},
		{"leader killed", s.killLeader},
		{"leader paused for longer than its lease", s.pauseLeader},
		{"rolling replacement", s.replaceAll},
		{"configuration changed", s.changeConfig},
		{"SIGHUP", s.hangUp},
	}
}

// live lets faults happen one after the other, all of them before one comes
// again, for as long as the soak lasts.
func (s *soak) live(t *testing.T) {
	t.Helper()
	end := time.Now().Add(s.lasts)
	for round := 1; round == 1 || time.Now().Before(end); round++ {
		all := s.faults()
		s.random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for _, f := range all {
			if round > 1 && time.Now().After(end) {
				return
			}
			wait(t.Context(), s.calm/2+time.Duration(s.random.Int64N(int64(s.calm))))
			s.replicas.requireAlive(t)
			t.Logf("%6s  %s", time.Since(s.began).Round(time.Second), f.name)
			f.happen(t)
			s.happened[f.name]++
		}
	}
}

func (s *soak) leader(t *testing.T, not *replica) *replica {
	t.Helper()
	r, err := s.observer.leader(t.Context(), not)
	require.NoError(t, err)
	return r
}

// goesOn waits until the healthy receiver has got something that is newer than
// what was written when a fault began.
func (s *soak) goesOn(t *testing.T, written uint64, what string, began time.Time) {
	t.Helper()
	require.NoError(t, persist(t.Context(), func() error {
		if s.good.highest() > written {
			return nil
		}
		return fmt.Errorf("%s: nothing new is delivered", what)
	}))
	s.took[what] = append(s.took[what], time.Since(began).Round(100*time.Millisecond))
}

func (s *soak) restartServer(t *testing.T) {
	s.cluster.KillServer(local.APIServer)
	wait(t.Context(), s.lease/3+time.Duration(s.random.Int64N(int64(s.lease))))
	began, written := time.Now(), s.known.newest()
	require.NoError(t, s.cluster.StartServer(t.Context(), local.APIServer))
	s.goesOn(t, written, "after the API server was there again", began)
}

func (s *soak) killLeader(t *testing.T) {
	r := s.leader(t, nil)
	s.observer.mustLook(t, r) // what it has counted is lost with it
	began, written := time.Now(), s.known.newest()
	s.replicas.kill(r)
	s.leader(t, r)
	s.goesOn(t, written, "after the leader was killed", began)
	s.replicas.start(t)
}

func (s *soak) pauseLeader(t *testing.T) {
	r := s.leader(t, nil)
	began, written := time.Now(), s.known.newest()
	s.replicas.signal(t, r, syscall.SIGSTOP)
	s.leader(t, r)
	s.goesOn(t, written, "after the leader was paused", began)
	wait(t.Context(), time.Until(began.Add(s.lease+s.lease/2)))
	s.replicas.signal(t, r, syscall.SIGCONT)
}

func (s *soak) replaceAll(t *testing.T) {
	for _, r := range s.replicas.all() {
		began, written := time.Now(), s.known.newest()
		s.replicas.start(t)
		code := s.replicas.end(t, r)
		// 1 says that something is owed: the receiver that is out is.
		require.Contains(t, []int{0, 1}, code, "%s: %s", r.name, r.lastLines(20))
		if code == 1 {
			s.endedOwing++
		}
		s.leader(t, nil)
		s.goesOn(t, written, "after SIGTERM", began)
	}
}

func (s *soak) changeConfig(t *testing.T) {
	s.reload(t, func(*replica) {
		text, err := os.ReadFile(s.replicas.config)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(s.replicas.config, append(text, "# changed\n"...), 0o600))
	})
}

func (s *soak) hangUp(t *testing.T) {
	s.reload(t, func(r *replica) { s.replicas.signal(t, r, syscall.SIGHUP) })
}

func (s *soak) reload(t *testing.T, ask func(leader *replica)) {
	r := s.leader(t, nil)
	before := s.observer.mustLook(t, r)
	began, written := time.Now(), s.known.newest()
	ask(r)
	require.NoError(t, persist(t.Context(), func() error {
		now, err := s.observer.look(t.Context(), r)
		if err == nil && now.values[reloads] <= before.values[reloads] {
			err = fmt.Errorf("%s does not load its configuration anew", r.name)
		}
		return err
	}))
	s.goesOn(t, written, "after a reload", began)
}
