package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/packetboat/packetboat/deploy/local/peers"
)

// proxies are between the command and its peers, and can be made to fail.
type proxies struct {
	api    string // toxiproxy's own
	client *http.Client
	names  []string
}

func newProxies(t *testing.T) *proxies {
	t.Helper()
	return &proxies{api: peers.StartToxiproxy(t), client: &http.Client{Timeout: 30 * time.Second}}
}

// before puts a proxy before the server of a URL and returns the proxy's URL.
func (p *proxies) before(t *testing.T, name, server string) string {
	t.Helper()
	target, err := url.Parse(server)
	require.NoError(t, err)
	var made struct {
		Listen string `json:"listen"`
	}
	require.NoError(t, p.call(t.Context(), http.MethodPost, "/proxies", map[string]any{
		"name": name, "listen": "127.0.0.1:0", "upstream": target.Host, "enabled": true,
	}, &made))
	p.names = append(p.names, name)
	target.Host = made.Listen
	return target.String()
}

func (p *proxies) call(ctx context.Context, method, path string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, p.api+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	response, err := p.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err = io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("toxiproxy: %s %s: %s: %s", method, path, response.Status, text)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}

// heal takes every fault away and cuts no connection.
func (p *proxies) heal(ctx context.Context) error {
	return p.call(ctx, http.MethodPost, "/reset", nil, nil)
}

// fault is what a network does to a connection.
type fault struct {
	Type       string         `json:"type"`
	Stream     string         `json:"stream"`
	Toxicity   float64        `json:"toxicity"`
	Attributes map[string]int `json:"attributes"`
}

func randomFault(random *rand.Rand) fault {
	kinds := []func() (string, map[string]int){
		func() (string, map[string]int) {
			return "latency", map[string]int{"latency": random.IntN(800), "jitter": random.IntN(200)}
		},
		func() (string, map[string]int) { return "reset_peer", map[string]int{"timeout": random.IntN(100)} },
		// Half-open: what is sent goes nowhere, and nobody says so. 0 is for as long as the fault lasts.
		func() (string, map[string]int) { return "timeout", map[string]int{"timeout": random.IntN(3) * 500} },
		func() (string, map[string]int) { return "slow_close", map[string]int{"delay": random.IntN(1000)} },
		func() (string, map[string]int) { return "limit_data", map[string]int{"bytes": random.IntN(20_000)} },
	}
	f := fault{Stream: []string{"upstream", "downstream"}[random.IntN(2)], Toxicity: []float64{0.3, 1}[random.IntN(2)]}
	f.Type, f.Attributes = kinds[random.IntN(len(kinds))]()
	return f
}

// disturb adds a fault to each of the proxies and takes it away again, over and
// over, until the returned function is called. That gives how many of each kind
// there were.
func (p *proxies) disturb(ctx context.Context, seed uint64) (stop func() (map[string]int, error)) {
	ctx, cancel := context.WithCancel(ctx)
	var group errgroup.Group
	counts := make([]map[string]int, len(p.names))
	for i, name := range p.names {
		counts[i] = map[string]int{}
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		group.Go(func() error {
			for ctx.Err() == nil {
				f := randomFault(random)
				counts[i][name+" "+f.Type]++
				if err := p.suffer(ctx, name, f, random); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return func() (map[string]int, error) {
		cancel()
		err := group.Wait()
		all := map[string]int{}
		for _, of := range counts {
			maps.Copy(all, of)
		}
		return all, err
	}
}

// suffer is one fault and the peace after it.
func (p *proxies) suffer(ctx context.Context, name string, f fault, random *rand.Rand) error {
	lasts, peace := time.Duration(100+random.IntN(2500))*time.Millisecond, time.Duration(random.IntN(200))*time.Millisecond
	if random.IntN(6) == 0 {
		lasts *= 5 // longer than a run may take
	}
	// Not cut short: whether the fault is there must be known.
	whole := context.WithoutCancel(ctx)
	path := "/proxies/" + name + "/toxics"
	if err := p.call(whole, http.MethodPost, path, f, nil); err != nil {
		return err
	}
	wait(ctx, lasts)
	if err := p.call(whole, http.MethodDelete, path+"/"+f.Type+"_"+f.Stream, nil, nil); err != nil {
		return err
	}
	wait(ctx, peace)
	return nil
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
