package redis

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/sinks/sinktest"
)

// fake is miniredis, and in front of it what a sinktest.Answer asks for.
type fake struct {
	*miniredis.Miniredis
	cutter *sinktest.Cutter
	over   chan struct{}
	// refuse says what the commands of a connection are answered with, "" is as usual.
	refuse func(peer *server.Peer) string

	mu         sync.Mutex
	script     []sinktest.Answer
	attempts   int
	open       map[*server.Peer]*transaction
	deliveries []sinktest.Delivery
}

type transaction struct {
	answer  sinktest.Answer
	records []sinktest.Delivery
	refusal string
}

func (tx *transaction) fails() bool {
	return tx.answer.Outcome == sinktest.Unavailable || tx.answer.Outcome == sinktest.Forbidden || tx.refusal != ""
}

func startFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{Miniredis: miniredis.NewMiniRedis(), over: make(chan struct{}), open: map[*server.Peer]*transaction{}}
	require.NoError(t, f.Start())
	f.cutter = sinktest.NewCutter(t, f.Addr())
	f.Server().SetPreHook(f.hook)
	t.Cleanup(func() {
		close(f.over)
		f.Close()
	})
	return f
}

// hook answers a command itself and returns true, or leaves it to miniredis.
func (f *fake) hook(peer *server.Peer, command string, args ...string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	command = strings.ToUpper(command)
	if command == "MULTI" {
		f.attempts++
		tx := &transaction{}
		if len(f.script) > 0 {
			tx.answer, f.script = f.script[0], f.script[1:]
		}
		if f.refuse != nil {
			tx.refusal = f.refuse(peer)
		}
		f.open[peer] = tx
		if tx.fails() {
			peer.WriteOK() // miniredis does not hear of it
		}
		return tx.fails()
	}
	tx := f.open[peer]
	if tx == nil {
		return false
	}
	switch command {
	case "XADD":
		tx.records = append(tx.records, sinktest.Delivery{Key: args[len(args)-3], Body: []byte(args[len(args)-1])})
	case "LPUSH", "RPUSH", "PUBLISH":
		tx.records = append(tx.records, sinktest.Delivery{Body: []byte(args[1])})
	case "EXEC":
		delete(f.open, peer)
		return f.exec(peer, tx)
	}
	if tx.refusal != "" {
		peer.WriteError(tx.refusal)
		return true
	}
	quoted := ", with args beginning with: '" + strings.Join(args, "' '") + "' '" + password + "'"
	switch tx.answer.Outcome {
	case sinktest.Unavailable:
		peer.WriteError("OOM command not allowed when used memory > 'maxmemory'" + quoted)
		return true
	case sinktest.Forbidden:
		peer.WriteError("NOPERM User " + password + " has no permissions to run the '" + command + "' command" + quoted)
		return true
	}
	return false
}

func (f *fake) exec(peer *server.Peer, tx *transaction) bool {
	if tx.fails() {
		peer.WriteError("EXECABORT Transaction discarded because of previous errors.")
		return true
	}
	switch tx.answer.Outcome {
	case sinktest.Silent:
		f.mu.Unlock()
		<-f.over
		f.mu.Lock()
		return true
	case sinktest.ReplyLost:
		f.cutter.NextAnswer()
	}
	f.deliveries = append(f.deliveries, tx.records...)
	return false
}

func (f *fake) Script(answers ...sinktest.Answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script = append(f.script, answers...)
}

func (f *fake) Attempts() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.attempts
}

func (f *fake) Deliveries() []sinktest.Delivery {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.deliveries)
}
