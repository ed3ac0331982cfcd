package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Record is what one machine did on one day.
type Record struct {
	Date     string  `json:"date"`
	Machine  string  `json:"machine"`
	Go       string  `json:"go"`
	Retained int     `json:"retained"`
	Rounds   int     `json:"rounds"`
	Cases    []*Case `json:"cases"`
	Idle     *Idle   `json:"idle,omitempty"`
}

// Idle is a watch that has nothing to do.
type Idle struct {
	For      time.Duration `json:"forNanoseconds"`
	CPU      time.Duration `json:"cpuNanoseconds"`
	Resident int64         `json:"residentBytes"`
}

// Record measures all there is; an idle watch for so long.
func (s *Suite) Record(ctx context.Context, idle time.Duration) (*Record, error) {
	r := &Record{
		Date: time.Now().UTC().Format(time.DateOnly), Machine: machine(), Go: runtime.Version(), Retained: s.Events, Rounds: s.Rounds,
	}
	var err error
	if r.Cases, err = s.Run(ctx); err != nil || idle == 0 {
		return r, err
	}
	r.Idle, err = s.idle(ctx, idle)
	return r, err
}

// machine names the processor and what there is of it.
func machine() string {
	b, _ := os.ReadFile("/proc/cpuinfo") // nothing but a name
	for line := range strings.Lines(string(b)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return fmt.Sprintf("%d cores, %s", runtime.NumCPU(), strings.TrimSpace(value))
		}
	}
	return fmt.Sprintf("%d cores, %s", runtime.NumCPU(), runtime.GOARCH)
}

// settle is how long a watch has to catch up before it counts as idle.
const settle = 20 * time.Second

func (s *Suite) idle(ctx context.Context, measured time.Duration) (*Idle, error) {
	cmd, err := s.packetboat(ctx, "watch", fmt.Sprintf(config, "", toFile+layout))
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}()
	if err := wait(ctx, settle); err != nil {
		return nil, err
	}
	before, err := cpuOf(cmd.Process.Pid)
	if err != nil {
		return nil, exited(cmd, err)
	}
	if err := wait(ctx, measured); err != nil {
		return nil, err
	}
	after, err := cpuOf(cmd.Process.Pid)
	if err != nil {
		return nil, exited(cmd, err)
	}
	return &Idle{For: measured, CPU: after - before, Resident: status(cmd.Process.Pid, residentLine)}, nil
}

func exited(cmd *exec.Cmd, err error) error { return fmt.Errorf("%s has ended: %w", cmd, err) }

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Write makes a file of JSON.
func (r *Record) Write(path string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

const (
	begin = "<!-- record -->\n"
	end   = "<!-- end -->"
)

// Document writes the record into the folder with this package's README.
func (r *Record) Document(dir string) error {
	readme := filepath.Join(dir, "README.md")
	text, err := os.ReadFile(readme)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(text), begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		return fmt.Errorf("%s has no place for the record", readme)
	}
	if err := os.WriteFile(readme, []byte(before+begin+r.Table()+end+after), 0o644); err != nil {
		return err
	}
	return r.Write(filepath.Join(dir, "record.json"))
}

// Table is the record in Markdown.
func (r *Record) Table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d events of 1 KiB retained, %s, %s, %s, medians of %d rounds:\n\n", r.Retained, r.Machine, r.Go, r.Date, r.Rounds)
	b.WriteString("| what | events | wall time | ratio | CPU per event | peak memory |\n| --- | ---: | ---: | ---: | ---: | ---: |\n")
	for _, c := range r.Cases {
		fmt.Fprintf(&b, "| %s | %d | %.2f s | %s | %.1f µs | %d MiB |\n",
			c.Name, c.Events, c.Wall.Seconds(), r.ratio(c), float64(c.PerEvent().Nanoseconds())/1000, c.Peak>>20)
	}
	if r.Idle != nil {
		fmt.Fprintf(&b, "\nAn idle watch: %d MiB resident, %.2f %% of one core over %s.\n",
			r.Idle.Resident>>20, 100*r.Idle.CPU.Seconds()/r.Idle.For.Seconds(), r.Idle.For)
	}
	return b.String()
}

func (r *Record) ratio(c *Case) string {
	for _, other := range r.Cases {
		if other.Name == c.Beside {
			return fmt.Sprintf("%.2f", c.Wall.Seconds()/other.Wall.Seconds())
		}
	}
	return ""
}
