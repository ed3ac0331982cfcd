package app

import (
	"context"
	"io"
	"time"

	"github.com/packetboat/packetboat/core/metrics"
	"github.com/packetboat/packetboat/entrypoints/app/push"
)

// pushTime is how long a push of metrics may take.
const pushTime = 10 * time.Second

// newPusher makes what pushes m to where the configuration says.
func (a *App) newPusher(m *metrics.Metrics, output io.Writer) *push.Pusher {
	return push.New(push.Options{
		Config: a.Config.Metrics, Metrics: m, Cluster: a.Config.ClusterName, Version: a.Version, Output: output,
	})
}

// pushMetrics pushes what was counted so far. A failure is a warning: it never
// changes the result of a run.
func (a *App) pushMetrics(ctx context.Context, p *push.Pusher) {
	ctx, cancel := context.WithTimeout(ctx, pushTime)
	defer cancel()
	if err := p.Push(ctx); err != nil {
		a.Log.WarnContext(ctx, "metrics were not pushed", "error", err)
	}
}
