package app

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/metrics"
	"github.com/packetboat/packetboat/core/render"
)

func TestWhatTheConfigurationCanSee(t *testing.T) {
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig") // nobody connects to it
	require.NoError(t, os.WriteFile(kubeconfig, []byte(`
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: c}}]
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
`), 0o600))
	everything := render.Uses{Labels: true, Annotations: true, OwnerReferences: true, Deleted: true}
	const reason = "layout: {reason: '{{ .Reason }}'}"
	for name, test := range map[string]struct {
		rule, sink, more string
		receiver         string
		events           string
		want             render.Uses
		asks             bool
	}{
		"nothing":                   {rule: "", sink: reason},
		"the default payload":       {rule: "", sink: "", want: everything, asks: true},
		"a template":                {rule: "", sink: "layout: {team: '{{ .InvolvedObject.Labels.team }}'}", want: render.Uses{Labels: true}, asks: true},
		"a rule":                    {rule: ", annotations: {a: b}", sink: reason, want: render.Uses{Annotations: true}, asks: true},
		"suppression by owner":      {receiver: "suppress: {for: 1h}", sink: reason, want: render.Uses{Labels: true, OwnerReferences: true}, asks: true},
		"suppression by reason":     {receiver: "suppress: {for: 1h, by: [reason]}", sink: reason},
		"look-ups are switched off": {rule: ", labels: {a: b}", sink: "", more: "omitLookup: true", want: everything},
		"events of a file":          {rule: ", labels: {a: b}", sink: "", events: "events.json", want: everything},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := from(t, "route: {match: [{receiver: a"+test.rule+"}]}\nreceivers: [{name: a, stdout: {"+test.sink+"}, "+test.receiver+"}]\n"+test.more,
				func(o *Options) {
					o.Events, o.Kubeconfig, o.Stdout, o.Stderr = test.events, kubeconfig, io.Discard, io.Discard
				})
			require.NoError(t, err)
			receivers, err := a.openSinks(t.Context(), metrics.Discard())
			require.NoError(t, err)
			assert.Equal(t, test.want, a.uses(receivers))
			enricher, err := a.enricher(receivers, metrics.Discard())
			require.NoError(t, err)
			assert.Equal(t, test.asks, enricher != nil)
		})
	}
}
