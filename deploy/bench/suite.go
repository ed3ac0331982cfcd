package bench

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/load"
)

// New is how many events a scheduled run finds.
const New = 2000

const namespace = "load"

// Suite is what is measured, and with which programs.
type Suite struct {
	Packetboat, Reader string // programs
	Cluster            *local.Cluster
	Dir                string // everything that is written goes here
	Events             int    // written before the first measurement
	Rounds             int

	bulk *bulk
}

// Case is one program on the same events.
type Case struct {
	Name   string `json:"name"`
	Beside string `json:"beside,omitempty"` // the case that it is compared with
	Events int    `json:"events"`           // delivered, or read
	Usage

	command func(ctx context.Context) (*exec.Cmd, error)
	check   func() error // that all was delivered
}

// PerEvent is the CPU of one event.
func (c *Case) PerEvent() time.Duration { return c.CPU / time.Duration(max(c.Events, 1)) }

// Run writes the events and measures all cases.
func (s *Suite) Run(ctx context.Context) ([]*Case, error) {
	if err := load.Namespace(ctx, s.Cluster.Client(), namespace); err != nil {
		return nil, err
	}
	s.bulk = newBulk()
	defer s.bulk.Close()
	if err := s.write(ctx, s.Events); err != nil {
		return nil, err
	}
	backlog := s.backlog()
	if err := s.measure(ctx, backlog); err != nil {
		return nil, err
	}
	scheduled, err := s.scheduled(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.measure(ctx, scheduled); err != nil {
		return nil, err
	}
	return append(backlog, scheduled...), nil
}

func (s *Suite) write(ctx context.Context, n int) error {
	_, err := load.Create(ctx, s.Cluster.Client(), namespace, n)
	return err
}

// measure takes the median of each figure by itself.
func (s *Suite) measure(ctx context.Context, cases []*Case) error {
	all := make([][]Usage, len(cases))
	for range s.Rounds {
		for i, c := range cases {
			cmd, err := c.command(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", c.Name, err)
			}
			u, err := Measure(ctx, cmd)
			if err == nil && c.check != nil {
				err = c.check()
			}
			if err != nil {
				return fmt.Errorf("%s: %w", c.Name, err)
			}
			all[i] = append(all[i], u)
		}
	}
	for i, c := range cases {
		c.Usage = Usage{
			Wall: median(all[i], func(u Usage) time.Duration { return u.Wall }),
			CPU:  median(all[i], func(u Usage) time.Duration { return u.CPU }),
			Peak: median(all[i], func(u Usage) int64 { return u.Peak }),
		}
	}
	return nil
}

func median[T cmp.Ordered](all []Usage, figure func(Usage) T) T {
	figures := make([]T, len(all))
	for i, u := range all {
		figures[i] = figure(u)
	}
	slices.Sort(figures)
	return figures[len(figures)/2]
}

func (s *Suite) reader(ctx context.Context, args ...string) *exec.Cmd {
	args = append([]string{"-kubeconfig", s.Cluster.Kubeconfig(local.Admin)}, args...)
	return exec.CommandContext(ctx, s.Reader, args...)
}

// packetboat is a command with a configuration that is written now.
func (s *Suite) packetboat(ctx context.Context, command, config string) (*exec.Cmd, error) {
	path := filepath.Join(s.Dir, "config.yaml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, s.Packetboat, command, "--config", path, "--kubeconfig", s.Cluster.Kubeconfig(local.Admin))
	cmd.Dir = s.Dir
	return cmd, nil
}

// lines says that the file receiver has written so many events.
func (s *Suite) lines(want int) error {
	b, err := os.ReadFile(s.path(output))
	if err != nil {
		return err
	}
	if got := bytes.Count(b, []byte("\n")); got != want {
		return fmt.Errorf("%d events were delivered, want %d", got, want)
	}
	return nil
}

func (s *Suite) path(name string) string { return filepath.Join(s.Dir, name) }

func (s *Suite) remove(names ...string) error {
	for _, name := range names {
		if err := os.RemoveAll(s.path(name)); err != nil {
			return err
		}
	}
	return nil
}
